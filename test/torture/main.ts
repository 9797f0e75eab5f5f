import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { systemRandom } from "../../src/core/random.ts";
import type { Report } from "./finish.ts";
import { replicas, withoutRedis } from "./replicas/run.ts";
import { formatReports, formatViolations } from "./report.ts";
import { type RunOptions, run } from "./run.ts";
import { clock } from "./scenario/clock.ts";
import { disk } from "./scenario/disk.ts";
import { kill } from "./scenario/kill.ts";
import type { Scenario } from "./scenario/scenario.ts";
import { thread } from "./scenario/thread.ts";
import { privateMounts } from "./tmpfs.ts";

/** `npm run torture`: exit 0 if every promise held, 1 if one was broken or the run could not be made. */

interface Torture extends Pick<Scenario, "name" | "about" | "mounts"> {
  /** Less than the others where it has more to do for each. */
  readonly rate: number;
  readonly shortKills: number;
  run(options: RunOptions): Promise<Report>;
}

const RATE = 500;
const KILLS = 30;
const SHORT_KILLS = 5;
const alone = (scenario: Scenario): Torture => ({
  ...scenario,
  rate: RATE,
  shortKills: SHORT_KILLS,
  run: (options) => run(scenario, options),
});
const SCENARIOS: readonly Torture[] = [...[kill, disk, clock, thread].map(alone), replicas];

const USAGE = `npm run torture [-- OPTIONS]

Kills a sidecar that takes ${"≥"} 500 requests/s, again and again, beside an app that fails at random, and then asks
whether all that was acknowledged was delivered, once and in order.

${SCENARIOS.map(({ name, about }) => `  ${name.padEnd(10)}${about}`).join("\n")}

  --only NAMES     some of these, as in kill,disk
  --kills N        (${KILLS}, --short ${SHORT_KILLS}; of replicas ${replicas.shortKills})
  --rate N         requests/s (${RATE}; of all replicas together ${replicas.rate})
  --seed N         the same choices again; their times differ
  --short          a few seconds of each
  --script FILE    another program in the sidecar's place, told \`serve -c FILE\` and the arguments after --
`;

/** Said by this program to itself: it is where it may mount. */
const MOUNTS = "--mounts";

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: "string", default: SCENARIOS.map(({ name }) => name).join(",") },
      kills: { type: "string" },
      rate: { type: "string" },
      seed: { type: "string" },
      short: { type: "boolean", default: false },
      script: { type: "string", default: fileURLToPath(new URL("../../src/main.ts", import.meta.url)) },
      mounts: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const scenarios = values.only.split(",").map(scenarioNamed);
  const kills = values.kills === undefined ? null : wholeNumber("--kills", values.kills);
  const rate = values.rate === undefined ? null : wholeNumber("--rate", values.rate);
  const seed = wholeNumber("--seed", values.seed ?? String(1 + systemRandom.below(2 ** 31)));
  const say = (line: string): void => void process.stderr.write(`${line}\n`);

  const { mounts } = values;
  if (!mounts && scenarios.some((one) => one.mounts)) {
    const command = privateMounts();
    if (command !== null) again(command);
  }
  say(`seed ${seed}`);
  const reports: Report[] = [];
  const untested: string[] = [];
  const leftOut = (name: string, why: string): void => void untested.push(`NOT TESTED: ${name}. ${why}`);
  for (const scenario of scenarios) {
    if (scenario.mounts && !mounts) {
      leftOut(scenario.name, "This machine lets nobody mount a tmpfs, neither root nor unshare -rm.");
      continue;
    }
    if (scenario === replicas && withoutRedis) {
      leftOut(scenario.name, "There is no redis-server: apt-get install redis-server.");
      continue;
    }
    const { short, script } = values;
    const report = await scenario.run({
      kills: kills ?? (short ? scenario.shortKills : KILLS),
      rate: rate ?? scenario.rate,
      seed,
      short,
      script,
      scriptArgs: positionals,
      say: (line) => say(`${scenario.name}: ${line}`),
    });
    reports.push(report);
  }
  process.stdout.write(`\n${formatReports(reports)}\n`);
  const broken = reports.map(formatViolations).filter((text) => text !== "");
  for (const text of broken) process.stdout.write(`\n${text}\n`);
  for (const text of untested) process.stdout.write(`\n${text}\n`);
  process.stdout.write(`\nseed ${seed}: ${broken.length === 0 ? "nothing was broken" : "BROKEN"}\n`);
  return broken.length > 0 || (untested.length > 0 && process.env.CI === "true") ? 1 : 0;
}

/** Becomes this program once more, where mounts are its own: none is left behind, however it ends. */
function again(command: readonly string[]): never {
  const self = [process.execPath, fileURLToPath(import.meta.url), MOUNTS, ...process.argv.slice(2)];
  process.execve?.("/bin/sh", ["sh", "-c", 'exec "$0" "$@"', ...command, ...self]);
  throw new Error("this runtime has no execve");
}

function scenarioNamed(name: string): Torture {
  const found = SCENARIOS.find((one) => one.name === name);
  if (found === undefined)
    throw new Error(`no scenario ${name}; there are ${SCENARIOS.map((one) => one.name).join(", ")}`);
  return found;
}

function wholeNumber(option: string, given: string): number {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} takes a whole number from 1`);
  return value;
}

// An exit in order ends the sidecar too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
