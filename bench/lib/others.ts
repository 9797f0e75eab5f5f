import type { MachineTime } from "./processor-time.ts";
import { number } from "./table.ts";

/** Says how far to trust the figures: a machine that others use makes all slower, and not all alike. */
export function othersNote(from: MachineTime, to: MachineTime): string {
  const share = (100 * (to.otherMs - from.otherMs)) / (to.totalMs - from.totalMs);
  return `Meanwhile other programs had ${number(Math.max(0, share))} % of the machine.`;
}
