import { fileURLToPath } from "node:url";
import type { Bench, Case, Report } from "../lib/bench.ts";
import { diskNote } from "../lib/disk.ts";
import { spread } from "../lib/statistics.ts";
import { goal, number } from "../lib/table.ts";
import { oursVersion } from "../peers/ours.ts";

const PROGRAM = fileURLToPath(new URL("../peers/history.program.ts", import.meta.url));
const ROUTES = 200;
const CALLS = { short: 1_000_000, usual: 10_000_000, full: 100_000_000 };
const LIMIT_MS = { usual: 9 * 60_000, full: 55 * 60_000 };
/** Of the promises: a week within this, and so much on the path of a request. */
const WEEK_MS = 50;
const RECORD_US = 3;

const QUESTIONS = {
  all: "7 days of all apps, by the hour",
  app: "7 days of an app, by the hour",
  route: "7 days of a route, by the hour",
  lines: "7 days of 65 routes, by six hours",
  hour: "1 hour of 65 routes, by the minute",
  byRoute: "the sums of every route, 15 minutes",
} as const;

interface Found {
  readonly calls: number;
  readonly fillSeconds: number;
  readonly asked: Readonly<Record<keyof typeof QUESTIONS, readonly number[]>>;
  readonly queriedMb: number;
  readonly recordUs: number;
  readonly writtenUs: number;
  readonly fileBytes: number;
}

/** What the history of calls costs: to record one, and to ask about a week of many. */
export const history: Case = {
  name: "history",
  about: "recording a call, and asking about a week of them (--full: 100 million)",
  async run(bench) {
    const { full, short } = bench.options;
    const count = full ? CALLS.full : short ? CALLS.short : CALLS.usual;
    bench.say(`making a week of ${number(count)} calls of ${ROUTES} routes`);
    const folder = bench.folder("data");
    const run = async (act: "fill" | "ask"): Promise<object> => {
      const args = [PROGRAM, act, folder, String(count), String(ROUTES)];
      const proc = bench.procs.start(`history ${act}`, process.execPath, args);
      return JSON.parse(await proc.output(full ? LIMIT_MS.full : LIMIT_MS.usual)) as object;
    };
    const filled = await run("fill");
    return report(bench, { ...filled, ...(await run("ask")) } as Found);
  },
};

function report(bench: Bench, found: Found): Report {
  const names = Object.keys(QUESTIONS) as (keyof typeof QUESTIONS)[];
  return {
    title: `history: a week of ${number(found.calls)} calls of ${ROUTES} routes`,
    parts: [
      {
        caption: "Asked, in milliseconds, with the storage thread",
        table: {
          head: ["", "median", "min", "max", "budget"],
          rows: names.map((name) => {
            const { median, min, max } = spread(found.asked[name]);
            const isWeek = name === "all" || name === "app" || name === "route";
            return [
              QUESTIONS[name],
              ...[median, min, max].map((ms) => number(ms, 1)),
              isWeek ? goal(median, WEEK_MS, "≤", " ms") : "",
            ];
          }),
        },
      },
      {
        caption: "Recorded, in microseconds a call",
        table: {
          head: ["", "µs", "budget"],
          rows: [
            [
              "on the path of a request, processor time",
              number(found.recordUs, 2),
              goal(found.recordUs, RECORD_US, "≤", " µs"),
            ],
            ["with handing it over, processor time of the thread", number(found.writtenUs, 2), ""],
          ],
        },
      },
    ],
    notes: [
      `The file is ${number(found.fileBytes / 1e6)} MB; the questions took ${number(found.queriedMb)} MB of resident memory more than the idle process.`,
      `The week was made in ${number(found.fillSeconds)} s, through the store's own commands.`,
      diskNote(bench.folder("disk")),
    ],
    versions: [oursVersion()],
    figures: found,
  };
}
