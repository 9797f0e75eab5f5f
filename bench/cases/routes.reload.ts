import { readFileSync, writeFileSync } from "node:fs";
import type { Bench, ReportPart } from "../lib/bench.ts";
import { callWhile, type Paced } from "../lib/paced.ts";
import { residentMb } from "../lib/resident.ts";
import { type Spread, spread } from "../lib/statistics.ts";
import { goal, number } from "../lib/table.ts";
import type { Ours } from "../peers/ours.ts";

/** What callers notice of reloads of a large manifest: while it is read, and while its plans are made. */

const GOAL = { reloadMs: 1000, slowestMs: 50, lost: 0 };
const PAUSE_MS = 300;

export interface Reloads {
  readonly what: string;
  readonly reloadMs: Spread;
  readonly calls: Paced;
}

/** `times` reloads of each kind, with a call every 5 ms beside them. */
export async function measureReloads(bench: Bench, ours: Ours, times: number): Promise<Reloads[]> {
  const text = readFileSync(ours.file, "utf8");
  const kinds = [
    { what: "one route of them changed", change: (n: number) => `${text}      added_${n}: /webhooks/answer\n` },
    { what: "every route changed", change: (n: number) => text.replace("owner: bench@", `owner: bench${n}@`) },
  ];
  const found: Reloads[] = [];
  for (const { what, change } of kinds) {
    const tookMs: number[] = [];
    const calls = await callWhile(ours, async () => {
      for (let n = 1; n <= times; n++) {
        await pause();
        tookMs.push(await reload(ours, change(n)));
        bench.say(`reload ${n} of ${times}, ${what}: ${number(tookMs.at(-1)!)} ms`);
      }
      await pause();
    });
    found.push({ what, reloadMs: spread(tookMs), calls });
  }
  return found;
}

const pause = (): Promise<void> => new Promise((resume) => setTimeout(resume, PAUSE_MS));

async function reload(ours: Ours, text: string): Promise<number> {
  writeFileSync(ours.file, text);
  const from = performance.now();
  const response = await fetch(`http://127.0.0.1:${ours.admin}/api/v1/admin/manifest/reload`, {
    method: "POST",
    headers: { Authorization: `Bearer ${ours.token}` },
  });
  const said = await response.text();
  if (!response.ok) throw new Error(`the reload was refused: ${said}`);
  return performance.now() - from;
}

export function reloadPart(found: readonly Reloads[], quiet: Paced, ours: Ours): ReportPart {
  const rows = found.flatMap(({ what, reloadMs, calls }) => [
    [`${what}: reload, median ms`, number(reloadMs.median), goal(reloadMs.median, GOAL.reloadMs)],
    ["  … the longest", number(reloadMs.max), ""],
    ["  … slowest call meanwhile, ms", number(calls.slowestMs), goal(calls.slowestMs, GOAL.slowestMs)],
    [
      `  … calls lost, of ${number(calls.answered + calls.lost)}`,
      calls.lost === 0 ? "0" : calls.lostAs,
      goal(calls.lost, GOAL.lost),
    ],
  ]);
  return {
    caption: "Reloads, with a call every 5 ms",
    table: {
      head: ["", "", "budget"],
      rows: [
        ["slowest call without a reload, ms", number(quiet.slowestMs), ""],
        ...rows,
        ["resident memory afterwards, MB", number(residentMb(ours.pid)), ""],
      ],
    },
  };
}
