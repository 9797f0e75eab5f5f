import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Case, Report } from "../lib/bench.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import { residentMb } from "../lib/resident.ts";
import { spread } from "../lib/statistics.ts";
import { goal, number } from "../lib/table.ts";
import { oursVersion, serve } from "../peers/ours.ts";

const FILL = fileURLToPath(new URL("../peers/ours.dead.program.ts", import.meta.url));
const APPS = 100;
/** Of each app. */
const CAPABILITIES = 100;
const DEAD = { short: 100_000, full: 1_000_000 };
const BUDGET_MS = 1_000;
const API = "/api/v1/admin";
const [APP, ROUTE] = ["app7", "app7/hook3"];

/** What the pages of the dashboard ask, and what a scrape does. */
const ASKED = [
  ["overview", `${API}/status`],
  ["overview", `${API}/webhook-health`],
  ["overview", `${API}/health/apps?limit=50`],
  ["overview", `${API}/circuit-breaker/status?state=open&limit=20`],
  ["overview", `${API}/webhook-metrics?by=app&window=24h`],
  ["app", `${API}/webhook-metrics/${APP}?by=route&window=24h`],
  ["app", `${API}/routes?app=${APP}&limit=200`],
  ["app", `${API}/failover/${APP}`],
  ["route", `${API}/webhook-metrics/${ROUTE}?window=7d`],
  ["route", `${API}/circuit-breaker/${ROUTE}`],
  ["deliveries", `${API}/deliveries?limit=50`],
  ["deliveries", `${API}/deliveries?state=queued&limit=50`],
  ["dead letters", `${API}/dlq?limit=50`],
  ["dead letters", `${API}/dlq?app=${APP}&limit=50`],
  ["dead letters", `${API}/dlq?app=${APP}&capability=hook3&limit=50`],
  ["dead letters", `${API}/dlq?app=${APP}&reason=gone&limit=50`],
  ["dead letters", `${API}/dlq?until=2020-01-01T00:00:00Z&limit=50`],
  ["alerts", `${API}/alerts?limit=100`],
  ["alerts", `${API}/notifications?limit=20`],
  ["manifest", `${API}/manifest`],
  ["manifest", `${API}/manifest/revisions?limit=20`],
  ["audit", `${API}/audit?limit=50`],
  ["scrape", "/metrics"],
  ["page", "/"],
] as const;

/** Whether those who look at it wait, with as much to look at as there may be. */
export const operations: Case = {
  name: "operations",
  about: "what the dashboard asks, with 10,000 routes and many dead letters (--full: a million)",
  async run(bench) {
    const dead = bench.options.full ? DEAD.full : DEAD.short;
    const before = machineTime();
    const folder = bench.folder("operations");
    bench.say(`filling a spool with ${number(dead)} dead letters`);
    const args = [FILL, join(folder, "data"), APPS, CAPABILITIES, dead].map(String);
    await bench.procs.start("fill", process.execPath, args).output(15 * 60_000);
    const token = randomBytes(24).toString("base64url");
    const file = join(folder, "outrigger.yaml");
    writeFileSync(file, manifest(folder, token));
    const { proc, admin, readyMs } = await serve(bench, "outrigger", file);
    const readyMb = residentMb(proc.pid);
    const rounds = Math.max(bench.options.pairs, 3);
    const found: Found[] = [];
    for (const [page, path] of ASKED) {
      const times: number[] = [];
      let bytes = 0;
      for (let round = 0; round < rounds; round++) {
        const from = performance.now();
        bytes = await ask(`http://127.0.0.1:${admin}${path}`, token);
        times.push(performance.now() - from);
      }
      found.push({ page, path, ...spread(times), bytes });
    }
    const memory = { readyMb, askedMb: residentMb(proc.pid) };
    return report({ dead, rounds, readyMs, memory, found }, othersNote(before, machineTime()));
  },
};

interface Found {
  readonly page: string;
  readonly path: string;
  readonly median: number;
  readonly max: number;
  readonly bytes: number;
}

interface Figures {
  readonly dead: number;
  readonly rounds: number;
  readonly readyMs: number;
  readonly memory: { readonly readyMb: number; readonly askedMb: number };
  readonly found: readonly Found[];
}

/** Bytes of the answer. Fails where it is none. */
async function ask(url: string, token: string): Promise<number> {
  const response = await fetch(url, {
    headers: { Authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(60_000),
  });
  const body = await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return body.byteLength;
}

function report(figures: Figures, others: string): Report {
  const { dead, rounds, readyMs, memory, found } = figures;
  return {
    title: `operations: ${number(APPS * CAPABILITIES)} routes, ${number(dead)} dead letters, each asked ${rounds} times`,
    parts: [
      {
        caption: "From the question to the last byte, in milliseconds",
        table: {
          head: ["page", "asks", "median", "max", "kB", "budget"],
          rows: found.map(({ page, path, median, max, bytes }) => [
            page,
            path.replace(API, ""),
            number(median, 1),
            number(max, 1),
            number(bytes / 1000),
            goal(max, BUDGET_MS, "≤", " ms"),
          ]),
        },
      },
      {
        caption: "Start and memory",
        text: `Ready after ${number(readyMs)} ms with ${number(memory.readyMb)} MB of resident memory; ${number(memory.askedMb)} MB after all was asked.`,
      },
    ],
    notes: [others],
    versions: [oursVersion()],
    figures,
  };
}

function manifest(folder: string, token: string): string {
  const hooks = Array.from({ length: CAPABILITIES }, (_, n) => `hook${n}: { path: /hook${n}, mode: async }`).join(", ");
  const apps = Array.from(
    { length: APPS },
    (_, n) => `  app${n}: { owner: bench@quiz.example, url: "http://127.0.0.1:9", webhooks: { ${hooks} } }\n`,
  );
  return `version: 1
listen: { proxy: "127.0.0.1:0", admin: "127.0.0.1:0" }
data_dir: ${JSON.stringify(join(folder, "data"))}
admin: { tokens: [{ name: bench, role: operator, token: "${token}" }] }
apps:
${apps.join("")}`;
}
