import { plot } from "./plot.ts";
import { spread } from "./statistics.ts";
import { number, type Table } from "./table.ts";

/** An hour under a steady load: what was seen of it every few seconds, and whether it stayed as it was. */

/** What the client's process is told. */
export interface SoakLoad {
  readonly port: number;
  /** Requests go to each in turn. */
  readonly paths: { readonly sync: string; readonly async: string };
  readonly body: string;
  /** Requests per second, both kinds together. */
  readonly rate: number;
  readonly seconds: number;
  readonly everySeconds: number;
}

/** Times from when a request should have left to its answer's last byte. */
export interface Times {
  readonly answered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What it says, a line each time; null of a kind that nothing was answered of. */
export interface SoakSaid {
  readonly second: number;
  readonly sync: Times | null;
  readonly async: Times | null;
  /** What was no good answer since the last line, counted, as in `3 × status 502`. */
  readonly errors: readonly string[];
}

/** What the process itself was like at that time. */
export interface Vitals {
  readonly rssMb: number;
  readonly heapMb: number;
  readonly externalMb: number;
  /** Whatever Node keeps its loop alive for: sockets, timers, ports of threads. */
  readonly handles: number;
  readonly files: number;
  readonly lagP99Ms: number;
  /** Jobs that were taken and not yet delivered. */
  readonly waiting: number;
}

export interface SoakSample extends Vitals {
  readonly second: number;
  readonly syncP50Ms: number;
  readonly syncP99Ms: number;
  readonly asyncP50Ms: number;
  readonly asyncP99Ms: number;
}

/** What must stay as it is: at most so many times the first, and this more, since little of anything is noise. */
interface Measure {
  readonly key: Exclude<keyof SoakSample, "second">;
  readonly name: string;
  readonly digits: number;
  readonly most: { readonly times: number; readonly more: number };
}

const MEASURES: readonly Measure[] = [
  { key: "rssMb", name: "resident memory, MB", digits: 0, most: { times: 1.1, more: 5 } },
  { key: "heapMb", name: "heap in use, MB", digits: 0, most: { times: 1.1, more: 5 } },
  { key: "externalMb", name: "external memory, MB", digits: 1, most: { times: 1.1, more: 2 } },
  { key: "handles", name: "handles of Node", digits: 0, most: { times: 1, more: 10 } },
  { key: "files", name: "open files", digits: 0, most: { times: 1, more: 10 } },
  { key: "waiting", name: "jobs waiting", digits: 0, most: { times: 1.5, more: 200 } },
  { key: "lagP99Ms", name: "event loop lag p99, ms", digits: 2, most: { times: 1.25, more: 1 } },
  { key: "syncP50Ms", name: "sync p50, ms", digits: 2, most: { times: 1.25, more: 0.3 } },
  { key: "syncP99Ms", name: "sync p99, ms", digits: 2, most: { times: 1.25, more: 1 } },
  { key: "asyncP50Ms", name: "async p50, ms", digits: 2, most: { times: 1.25, more: 0.3 } },
  { key: "asyncP99Ms", name: "async p99, ms", digits: 2, most: { times: 1.25, more: 1 } },
];

export interface Verdict {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly flat: boolean;
  readonly digits: number;
}

/** A tenth of the time warms up; of the rest the medians of the first and of the last quarter are compared. */
export function verdictOf(samples: readonly SoakSample[]): Verdict[] {
  const settled = samples.slice(Math.floor(samples.length / 10));
  const quarter = Math.max(1, Math.floor(settled.length / 4));
  return MEASURES.map(({ key, name, digits, most }) => {
    const median = (part: readonly SoakSample[]): number => spread(part.map((sample) => sample[key])).median;
    const [first, last] = [median(settled.slice(0, quarter)), median(settled.slice(-quarter))];
    return { name, first, last, digits, flat: last <= first * most.times + most.more };
  });
}

export function verdictTable(verdicts: readonly Verdict[]): Table {
  return {
    head: ["", "first quarter", "last quarter", "last over first", "flat"],
    rows: verdicts.map(({ name, first, last, digits, flat }) => [
      name,
      number(first, digits),
      number(last, digits),
      first > 0 ? number(last / first, 2) : "",
      flat ? "✓" : "✗",
    ]),
  };
}

const PANELS: readonly { readonly label: string; readonly lines: readonly (readonly [string, Measure["key"]])[] }[] = [
  {
    label: "memory, MB",
    lines: [
      ["resident", "rssMb"],
      ["heap", "heapMb"],
      ["external", "externalMb"],
    ],
  },
  {
    label: "handles and files",
    lines: [
      ["handles of Node", "handles"],
      ["open files", "files"],
    ],
  },
  { label: "event loop lag p99, ms", lines: [["lag", "lagP99Ms"]] },
  {
    label: "a synchronous call, ms",
    lines: [
      ["p50", "syncP50Ms"],
      ["p99", "syncP99Ms"],
    ],
  },
  {
    label: "taken for later, fsync before the 202, ms",
    lines: [
      ["p50", "asyncP50Ms"],
      ["p99", "asyncP99Ms"],
    ],
  },
];

/** The picture of it. */
export function soakPlot(samples: readonly SoakSample[], title: string): string {
  const last = samples.at(-1)?.second ?? 0;
  const step = TICKS.find((seconds) => last / seconds <= 10) ?? last / 10;
  const ticks = Array.from({ length: Math.floor(last / step) + 1 }, (_, i) => i * step);
  return plot({
    title,
    x: {
      label: "minutes",
      scale: "linear",
      from: 0,
      ticks: ticks.map((at) => ({ at, text: number(at / 60, step < 60 ? 1 : 0) })),
    },
    panels: PANELS.map(({ label, lines }) => ({
      label,
      series: lines.map(([name, key]) => ({
        name,
        points: samples.map((sample) => ({ x: sample.second, y: sample[key] })),
      })),
    })),
  });
}

/** Seconds between two words on the axis. */
const TICKS = [6, 60, 300, 600, 1_800, 3_600];
