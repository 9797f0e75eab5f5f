import { parseArgs } from "node:util";
import { backlog } from "./cases/backlog.ts";
import { curves } from "./cases/curves.ts";
import { drain } from "./cases/drain.ts";
import { failover } from "./cases/failover.ts";
import { fair } from "./cases/fair.ts";
import { history } from "./cases/history.ts";
import { intake } from "./cases/intake.ts";
import { memory } from "./cases/memory.ts";
import { micro } from "./cases/micro.ts";
import { operations } from "./cases/operations.ts";
import { redis } from "./cases/redis.ts";
import { routes } from "./cases/routes.ts";
import { slow } from "./cases/slow.ts";
import { soak } from "./cases/soak.ts";
import { start } from "./cases/start.ts";
import { sync } from "./cases/sync.ts";
import { type Bench, type Case, type Options, openBench, type Report } from "./lib/bench.ts";
import { findGenerator } from "./lib/load.ts";
import { machineLine } from "./lib/machine.ts";
import { formatReport, writeResults } from "./lib/report.ts";

/** `npm run bench`: measures and prints. It judges nothing: only a run that could not be made ends with code 1. */

/** What is run, and told by bench/results.md, if no case is named. */
const USUAL: readonly Case[] = [sync, intake, drain, backlog, failover, routes, history, memory, start];
const CASES: readonly Case[] = [...USUAL, redis, operations, fair, slow, micro, curves, soak];
/** Those that know where a request spends its time. */
const PROFILED: readonly Case[] = [sync, intake, drain];
/** Those whose result is a picture. */
const DRAWN: readonly Case[] = [curves, soak];

const USAGE = `npm run bench [-- CASE… OPTIONS]
npm run profile [-- CASE… OPTIONS]     the same with --profile
npm run soak [-- OPTIONS]              its case soak

Cases (${USUAL.map(({ name }) => name).join(", ")}, in the short form, if none is named):
${CASES.map(({ name, about }) => `  ${name.padEnd(12)}${about}`).join("\n")}

  --short         one pair of each, shorter runs, smaller sizes
  --full          more and longer pairs, whole sizes; writes bench/results.md
  --pairs N       runs of ours and each peer, in turn (3, --short 1, --full 7)
  --seconds N     length of one run under full load (2, --short 1, --full 5)
  --peer NAME     only against this peer; may be repeated
  --rate N        requests per second (failover 200, soak 2,000)
  --minutes N     how long (soak)
  --only NAME     only this curve; may be repeated (curves)
  --load NAME     wrk or autocannon (wrk where it is installed)
  --profile       instead of ratios: where our time, or that of --peer, goes by function (${PROFILED.map(({ name }) => name).join(", ")})
  --json          figures for programs instead of tables
`;

/** What bench/results.md says rests on as many pairs, or more. */
const FEWEST_PAIRS = 5;

/** No run takes this long: what does hangs, and is ended. */
const LIMIT_MS = { short: 10 * 60_000, full: 60 * 60_000 };

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      full: { type: "boolean", default: false },
      pairs: { type: "string" },
      seconds: { type: "string" },
      peer: { type: "string", multiple: true },
      only: { type: "string", multiple: true },
      rate: { type: "string" },
      minutes: { type: "string" },
      short: { type: "boolean", default: false },
      load: { type: "string" },
      profile: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { full, profile } = values;
  const cases = positionals.length === 0 ? (profile ? PROFILED : USUAL) : positionals.map(caseNamed);
  const unprofiled = profile ? cases.find((one) => !PROFILED.includes(one)) : undefined;
  if (unprofiled !== undefined) throw new Error(`${unprofiled.name} has no profile; ${namesOf(PROFILED)} have`);
  const short = values.short || (positionals.length === 0 && !full);
  if (short && full) throw new Error("--short or --full, not both");
  const options: Options = {
    full,
    profile,
    short,
    rate: values.rate === undefined ? null : wholeNumber("--rate", values.rate, 1),
    minutes: values.minutes === undefined ? null : wholeNumber("--minutes", values.minutes, 1),
    pairs: wholeNumber("--pairs", values.pairs, full ? 7 : short ? 1 : 3),
    seconds: wholeNumber("--seconds", values.seconds, full ? 5 : short ? 1 : 2),
    peers: values.peer ?? null,
    only: values.only ?? null,
  };
  const writes = full && !profile && !cases.some((one) => DRAWN.includes(one));
  if (writes && options.pairs < FEWEST_PAIRS) throw new Error(`--full takes at least ${FEWEST_PAIRS} pairs`);
  const found = findGenerator(values.load);
  const context = [machineLine(), `Load: ${found.version}`].join("\n");
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  say(context);

  const reports: Report[] = [];
  for (const one of cases) {
    const bench = openBench(options, found.generator, say);
    reports.push(await bounded(bench, one.limitMs ?? (full ? LIMIT_MS.full : LIMIT_MS.short), one));
  }
  const command = `npm run bench -- ${process.argv.slice(2).join(" ")}`.trim();
  if (values.json) process.stdout.write(`${JSON.stringify({ command, context, cases: reports }, null, 2)}\n`);
  else process.stdout.write(`\n${reports.map(formatReport).join("\n\n\n")}\n\n${context}\n`);
  if (writes) {
    const date = new Date().toISOString().slice(0, 10);
    writeResults(new URL("./results.md", import.meta.url), command, date, context, reports);
  }
  return 0;
}

/** Runs one case, and ends what it started however it ends: by itself, by a signal, by an error or by the limit. */
async function bounded(bench: Bench, limitMs: number, one: Case): Promise<Report> {
  const abandon = (): void => bench.abandon();
  process.once("exit", abandon);
  // The first signal stops all in order, a second one at once.
  const onSignal = (signal: NodeJS.Signals): void => {
    bench.say(`${signal}: stopping`);
    process.once(signal, () => process.exit(130));
    void bench.close().finally(() => process.exit(130));
  };
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  const limit = setTimeout(() => {
    bench.say(`${one.name} did not end in ${limitMs / 60_000} minutes`);
    process.exit(1);
  }, limitMs);
  try {
    return await one.run(bench);
  } finally {
    clearTimeout(limit);
    await bench.close();
    process.off("exit", abandon).off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function caseNamed(name: string): Case {
  const found = CASES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no case ${name}; there are ${namesOf(CASES)}`);
  return found;
}

function namesOf(cases: readonly Case[]): string {
  return cases.map(({ name }) => name).join(", ");
}

function wholeNumber(option: string, given: string | undefined, otherwise: number): number {
  const value = Number(given ?? otherwise);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} takes a whole number from 1`);
  return value;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
