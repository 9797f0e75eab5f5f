import { fileURLToPath } from "node:url";
import type { Curve } from "../lib/curve.ts";
import { measure, warmUp } from "../lib/measure.ts";
import { spread } from "../lib/statistics.ts";
import { number } from "../lib/table.ts";
import { startUpstream } from "../peers/nginx.ts";
import { dataDir, type Ours, startOurs } from "../peers/ours.ts";

const PROGRAM = fileURLToPath(new URL("../peers/history.program.ts", import.meta.url));
const ROUTES = 200;
const FILL_LIMIT_MS = 55 * 60_000;
/** Of one round. */
const QUESTIONS = 10;

/** Whether what was recorded makes the next call dearer, or what is asked about a week slower. */
export const history: Curve = {
  name: "history",
  title: "A call, and a question about a week, by calls recorded in it",
  along: { label: `calls recorded, of ${ROUTES} routes`, text: millions },
  values: { short: [0, 100_000, 1_000_000], usual: [0, 1_000_000, 10_000_000, 100_000_000] },
  panels: [
    { label: "processor time, µs a request", lines: ["a synchronous call"] },
    { label: "webhook-metrics?window=7d, ms", lines: ["a week, asked of the admin API"] },
  ],
  async open(bench, values) {
    const upstream = await startUpstream(bench);
    const targets = new Map<number, Ours>();
    for (const calls of values) {
      const folder = bench.folder(`history-${calls}`);
      if (calls > 0) {
        bench.say(`making a week of ${number(calls)} calls`);
        const args = [PROGRAM, "fill", dataDir(folder), String(calls), String(ROUTES)];
        await bench.procs.start("history fill", process.execPath, args).output(FILL_LIMIT_MS);
      }
      const target = await startOurs(bench, upstream.port, { name: `${millions(calls)} calls`, folder });
      await warmUp(bench, target);
      targets.set(calls, target);
    }
    return async (calls) => {
      const target = targets.get(calls)!;
      const { us } = await measure(bench, target, bench.options.seconds);
      return [us, await askedMs(target)];
    };
  },
};

async function askedMs({ admin, token }: Ours): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < QUESTIONS; i++) {
    const from = performance.now();
    const url = `http://127.0.0.1:${admin}/api/v1/admin/webhook-metrics?window=7d`;
    const headers = { Authorization: `Bearer ${token}` };
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(20_000) });
    const said = await answer.text();
    if (!answer.ok) throw new Error(`webhook-metrics: ${answer.status} ${said.slice(0, 500)}`);
    took.push(performance.now() - from);
  }
  return spread(took).median;
}

function millions(calls: number): string {
  return calls < 1_000_000 ? number(calls) : `${number(calls / 1_000_000)} million`;
}
