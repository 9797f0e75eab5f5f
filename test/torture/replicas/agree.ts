import { ask } from "../admin.ts";
import { machineMs } from "../facts.ts";
import { pause, type Rack } from "../rack.ts";
import type { Violation } from "../violation.ts";

/** Within a second replicas see each other's moves; the machine may be busy. */
const AGREE_MS = 5_000;
const LOOK_MS = 200;

/** After all that was done to them the sidecars hold the same breakers for closed: whoever disagreed has come round. */
export async function agreed(racks: readonly Rack[]): Promise<Violation[]> {
  const all = await Promise.all(
    racks.map(async ({ sidecar }) => ask(await sidecar.current().ready, sidecar.proxyUrl, sidecar.dataDir)),
  );
  const until = machineMs() + AGREE_MS;
  for (;;) {
    const said = await Promise.all(all.map(async (one) => (await one.refusing()).toSorted().join(", ")));
    if (new Set(said).size === 1) return [];
    if (machineMs() > until)
      return [
        { kind: "process", evidence: `replicas disagree on what is open: ${said.map((one) => `[${one}]`).join(" ")}` },
      ];
    await pause(LOOK_MS);
  }
}
