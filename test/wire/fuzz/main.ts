import { parseArgs } from "node:util";
import { systemRandom } from "../../../src/core/random.ts";
import { fuzz } from "./run.ts";

/** `npm run fuzz`: exit 0 if nothing broke, 1 with the seed and the smallest exchange if something did. */

const USAGE = `npm run fuzz [-- OPTIONS]

Callers and an app that send changed, cut and spliced bytes, on routes of every mode. The app must see exactly what was
taken, each caller only what was meant for it, and nothing may be left over. Some bodies are larger than what is held,
some answers come before a body is whole, and some callers have a WebSocket.

  --seconds N   how long (60)
  --seed N      the same cases again; their times differ
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      seed: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const seconds = wholeNumber("--seconds", values.seconds);
  const seed = wholeNumber("--seed", values.seed ?? String(1 + systemRandom.below(2 ** 31)));
  process.stdout.write(`seed ${seed}\n`);
  process.on("uncaughtException", (error) => {
    process.stdout.write(`seed ${seed}: the process would have died of\n${error.stack}\n`);
    process.exit(1);
  });
  const until = performance.now() + seconds * 1000;
  const { exchanges, taken, failure } = await fuzz(seed, () => performance.now() > until);
  if (failure !== null) process.stdout.write(`\n${failure}\n\n`);
  const verdict = failure === null ? "nothing was broken" : "BROKEN";
  process.stdout.write(`seed ${seed}: ${exchanges} exchanges, ${taken} requests reached the app: ${verdict}\n`);
  return failure === null ? 0 : 1;
}

function wholeNumber(option: string, given: string): number {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} takes a whole number from 1`);
  return value;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
