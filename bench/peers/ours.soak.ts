import { randomBytes } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "../lib/bench.ts";
import { residentMb } from "../lib/resident.ts";
import type { Vitals } from "../lib/soak.ts";
import type { Target } from "../lib/target.ts";
import { askAdmin, waitingOf } from "./ours.async.ts";
import { dataDir, serve } from "./ours.ts";

export interface SoakTarget extends Target {
  readonly routes: { readonly sync: string; readonly async: string };
  vitals(): Promise<Vitals>;
}

/** Outrigger, as `main` is, with both kinds of route. Delivered jobs are kept for `keptSeconds`, so that as many go as come. */
export async function startOursSoak(
  bench: Bench,
  upstreamPort: number,
  main: string,
  keptSeconds: number,
): Promise<SoakTarget> {
  const folder = bench.folder("outrigger");
  const token = randomBytes(24).toString("base64url");
  const file = join(folder, "outrigger.yaml");
  writeFileSync(
    file,
    `version: 1
listen: { proxy: "127.0.0.1:0", admin: "127.0.0.1:0" }
data_dir: ${JSON.stringify(dataDir(folder))}
admin: { tokens: [{ name: bench, role: operator, token: "${token}" }] }
spool: { per_app: 64, retain_delivered: ${keptSeconds}s }
apps:
  bench:
    owner: bench@quiz.example
    url: "http://127.0.0.1:${upstreamPort}"
    sign: { scheme: standard-webhooks, secrets: ["whsec_${randomBytes(32).toString("base64")}"] }
    webhooks:
      quiz_answer: /webhooks/answer
      quiz_closed: { path: /webhooks/closed, mode: async }
`,
  );
  const { proc, proxy, admin } = await serve(bench, "outrigger", file, { main });
  const routes = { sync: "/bench/quiz_answer", async: "/bench/quiz_closed" };
  return {
    name: "outrigger",
    port: proxy,
    paths: [routes.sync],
    pid: proc.pid,
    routes,
    stop: proc.stop,
    async vitals() {
      const headers = { Authorization: `Bearer ${token}` };
      const scrape = await fetch(`http://127.0.0.1:${admin}/metrics`, { headers, signal: AbortSignal.timeout(20_000) });
      const text = await scrape.text();
      if (!scrape.ok) throw new Error(`metrics: ${scrape.status} ${text.slice(0, 500)}`);
      return {
        rssMb: residentMb(proc.pid),
        heapMb: sumOf(text, "nodejs_heap_size_used_bytes") / 1e6,
        externalMb: sumOf(text, "nodejs_external_memory_bytes") / 1e6,
        handles: sumOf(text, "nodejs_active_resources"),
        files: readdirSync(`/proc/${proc.pid}/fd`).length,
        lagP99Ms: sumOf(text, "nodejs_eventloop_lag_p99_seconds") * 1000,
        waiting: waitingOf(await askAdmin(admin, token, "GET", "/status")),
      };
    },
  };
}

/** All samples of a metric, in Prometheus's text. */
export function sumOf(scrape: string, name: string): number {
  const values = [...scrape.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))].map(([, value]) =>
    Number(value),
  );
  if (values.length === 0) throw new Error(`no metric ${name}`);
  return values.reduce((sum, value) => sum + value, 0);
}
