import { type JobSummaryView, jobSummarySchema } from "../../admin/jobs.ts";
import { statusSchema } from "../../admin/routes/status.ts";
import type { SpoolView } from "../../admin/spool.ts";
import type { Result } from "../../core/result.ts";
import { appsCommand } from "../apps.ts";
import { breakerCommand } from "../breaker.ts";
import { createClient } from "../client.ts";
import { dlqCommand } from "../dlq.ts";
import { failoverCommand } from "../failover.ts";
import { runCli } from "../program.ts";
import type { Failure } from "../target.ts";
import type { Stage } from "./chapter.ts";
import type { Sidecar } from "./sidecar.ts";
import { until } from "./until.ts";

/** Where an operator of the sidecar sits: what they see, and the commands they type. */
export interface Desk {
  spool(): Promise<SpoolView>;
  /** Everything that was accepted and is still known. */
  deliveries(): Promise<readonly JobSummaryView[]>;
  /** All tries that count and all sends, of every delivery. */
  effort(): Promise<{ readonly attempts: number; readonly sends: number }>;
  /** Resolves once nothing waits, or patience is at its end. */
  settled(): Promise<void>;
  /** Runs `outrigger …` as from a shell, and gives what it printed. Rejects where its exit code is not 0. */
  run(...args: readonly string[]): Promise<string>;
}

export function createDesk({ admin, token, manifest }: Sidecar, { clock, signal }: Stage): Desk {
  const client = createClient({ url: `http://${admin}`, socketPath: null, token }, signal);
  signal.addEventListener("abort", () => void client[Symbol.asyncDispose](), { once: true });
  const spool = async (): Promise<SpoolView> => {
    const status = need(await client.get("/status", statusSchema));
    if (!status.spool) throw new Error("the spool does not answer");
    return status.spool;
  };
  const deliveries = async () => need(await client.list("/deliveries", jobSummarySchema));
  return {
    spool,
    deliveries,
    async effort() {
      const all = await deliveries();
      return {
        attempts: all.reduce((sum, { attempts }) => sum + attempts, 0),
        sends: all.reduce((sum, { sends }) => sum + sends, 0),
      };
    },
    async settled() {
      await until({ clock, signal }, spool, (now) => waitingIn(now) === 0);
    },
    async run(...args) {
      let printed = "";
      const print = (text: string): void => {
        printed += text;
      };
      const code = await runCli(
        args,
        {
          env: { OUTRIGGER_ADMIN: `http://${admin}`, OUTRIGGER_ADMIN_TOKEN: token },
          stdout: print,
          stderr: print,
          isTTY: false,
          // A watcher wants to see rows, not all that is in them.
          columns: 120,
          isErrTTY: false,
          write: async (chunk) => print(Buffer.from(chunk).toString()),
          stdin: async function* () {},
          cwd: manifest,
          signal,
        },
        [appsCommand, breakerCommand, dlqCommand(clock), failoverCommand],
      );
      if (code !== 0) throw new Error(`outrigger ${args.join(" ")} ended with exit code ${code}:\n${printed}`);
      return printed;
    },
  };
}

/** How many have not ended. */
export function waitingIn({ states }: SpoolView): number {
  return states.queued + states.leased + states.verifying;
}

function need<T>(answer: Result<T, Failure>): T {
  if (!answer.ok) throw new Error(answer.error.wrong);
  return answer.value;
}
