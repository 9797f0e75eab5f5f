import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "../lib/bench.ts";
import { type Drained, drained } from "../lib/drained.ts";
import { sendExactly } from "../lib/load.ts";
import { timeOf } from "../lib/measure.ts";
import type { Target } from "../lib/target.ts";
import { askAdmin, type Status, untilEmpty } from "./ours.async.ts";
import { serve } from "./ours.ts";

const APP = fileURLToPath(new URL("./app.program.ts", import.meta.url));

/** Nine that are well, and one that may hang. */
const WELL = Array.from({ length: 9 }, (_, i) => `app_${i + 1}`);
const SICK = "sick";
/** More than it can have under way, so that it always wants another slot. */
const SICK_JOBS = 500;

/** An app in a process of its own: answers after `waitMs`, or null: never. Its port. */
export async function startApp(bench: Bench, waitMs: number | null): Promise<number> {
  const proc = bench.procs.start(waitMs === null ? "hanging app" : "app", process.execPath, [
    APP,
    ...(waitMs === null ? [] : [String(waitMs)]),
  ]);
  return proc.line((line) => Number(/^ready (\d+)$/.exec(line)?.[1] ?? 0) || null);
}

export interface FairTarget {
  readonly name: string;
  /** Lets jobs come in for the nine, and sends them: from their resume to the last settled one. */
  run(jobsEach: number): Promise<Drained>;
}

/** Ten apps with the defaults of the spool. With `hangingPort` the tenth hangs there, with jobs that are always due. */
export async function startOursFair(bench: Bench, wellPort: number, hangingPort: number | null): Promise<FairTarget> {
  const name = hangingPort === null ? "all are well" : "one hangs";
  const folder = bench.folder(name.replaceAll(" ", "-"));
  const token = randomBytes(24).toString("base64url");
  const file = join(folder, "outrigger.yaml");
  writeFileSync(file, manifest(folder, wellPort, hangingPort ?? wellPort, token));
  const { proc, proxy, admin } = await serve(bench, name, file);
  const target = (app: string): Target => ({
    name: `${name}: ${app}`,
    port: proxy,
    paths: [`/${app}/quiz_answer`],
    pid: proc.pid,
    queues: true,
    stop: proc.stop,
  });
  const status = (): Promise<Status> => askAdmin(admin, token, "GET", "/status");
  const all = (verb: "pause" | "resume"): Promise<unknown> =>
    Promise.all(WELL.map((app) => askAdmin(admin, token, "POST", `/apps/${app}/${verb}`)));
  if (hangingPort !== null) await sendExactly(bench, target(SICK), SICK_JOBS);
  return {
    name,
    async run(jobsEach) {
      await all("pause");
      for (const app of WELL) await sendExactly(bench, target(app), jobsEach);
      const [before, fromMs] = [timeOf(target(SICK)), performance.now()];
      await all("resume");
      await untilEmpty(status, (app) => app !== SICK);
      return drained(jobsEach * WELL.length, performance.now() - fromMs, before, timeOf(target(SICK)));
    },
  };
}

function manifest(folder: string, wellPort: number, sickPort: number, token: string): string {
  const app = (name: string, port: number): string => `  ${name}:
    owner: ${name}@quiz.example
    url: "http://127.0.0.1:${port}"
    sign: { scheme: standard-webhooks, secrets: ["whsec_${randomBytes(32).toString("base64")}"] }
    webhooks:
      quiz_answer: { path: /webhooks/answer, mode: async, timeout: 15m }
`;
  return `version: 1
listen: { proxy: "127.0.0.1:0", admin: "127.0.0.1:0" }
data_dir: ${JSON.stringify(join(folder, "data"))}
admin: { tokens: [{ name: bench, role: operator, token: "${token}" }] }
spool: { max_jobs: 50000000, max_bytes: 50GiB }
apps:
${WELL.map((name) => app(name, wellPort)).join("")}${app(SICK, sickPort)}`;
}
