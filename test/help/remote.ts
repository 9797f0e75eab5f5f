import type { DeliveryService } from "../../src/admin/services.ts";
import type { Command, Io } from "../../src/cli/command.ts";
import { deliveriesCommand } from "../../src/cli/deliveries.ts";
import { dlqCommand } from "../../src/cli/dlq.ts";
import { pauseCommand, resumeCommand } from "../../src/cli/parking.ts";
import { runCli } from "../../src/cli/program.ts";
import { spoolCommand } from "../../src/cli/spool.ts";
import { OPERATOR, startAdmin, type TestAdmin } from "./admin.ts";
import { AT } from "./deliveries.ts";
import { createIo } from "./io.ts";

/** Ten minutes after the jobs of `storedJob` were accepted. */
const clock = { wall: () => AT + 600_000 };

const COMMANDS: readonly Command[] = [
  deliveriesCommand(clock),
  dlqCommand(clock),
  pauseCommand,
  resumeCommand,
  spoolCommand(() => Promise.reject(new Error("no spool is moved here"))),
];

/** A sidecar with these deliveries, and command lines run against it as its operator. */
export async function startRemote(deliveries: DeliveryService): Promise<{
  readonly admin: TestAdmin;
  run(line: string, given?: Partial<Io>): Promise<{ code: number; out: string; err: string }>;
}> {
  const admin = await startAdmin({ deliveries });
  return {
    admin,
    async run(line, given = {}) {
      const io = createIo({ env: { OUTRIGGER_ADMIN: admin.url, OUTRIGGER_ADMIN_TOKEN: OPERATOR }, ...given });
      const code = await runCli(line.split(" "), io, COMMANDS);
      return { code, out: io.out(), err: io.err() };
    },
  };
}
