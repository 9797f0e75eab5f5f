import { systemClock } from "../src/core/clock.ts";
import type { BreakerSettings } from "../src/core/settings.route.ts";
import { createBreakers } from "../src/policy/breaker.ts";

/** Prints what a breaker costs a call: `node bench/breaker.bench.ts`. The clock is read once per call, as a try does. */

const settings: BreakerSettings = {
  enabled: true,
  failures: 5,
  recoveryMs: 60_000,
  recoveryMaxMs: 300_000,
  successes: 3,
  probes: 1,
  failureRate: 50,
  windowMs: 10_000,
  minSamples: 20,
  dryRun: false,
};

const CELLS = 200;
const CALLS = 2_000_000;
const ROUNDS = 7;

const breakers = createBreakers({ clock: systemClock, emit: () => {}, persist: () => {} });
const cells = Array.from({ length: CELLS }, (_, i) =>
  breakers.cell({ app: `app${i}`, capability: "hook", upstream: "primary", url: "http://127.0.0.1:9000" }, settings),
);

/** Nanoseconds for each pass; `failing` fails every tenth call, which opens nothing. */
function run(failing: boolean): number {
  const started = performance.now();
  for (let i = 0; i < CALLS; i++) {
    const cell = cells[i % CELLS]!;
    const now = systemClock.now();
    const permit = cell.admit(now);
    cell.settle(permit, failing && Math.floor(i / CELLS) % 10 === 0 ? "bad" : "good", now);
  }
  return ((performance.now() - started) * 1e6) / CALLS;
}

function clockAlone(): number {
  let sum = 0;
  const started = performance.now();
  for (let i = 0; i < CALLS; i++) sum += systemClock.now();
  return sum > 0 ? ((performance.now() - started) * 1e6) / CALLS : 0;
}

function median(measure: () => number): string {
  const times = Array.from({ length: ROUNDS }, measure).sort((a, b) => a - b);
  return `${times[ROUNDS >> 1]!.toFixed(1)} ns (${times[0]!.toFixed(1)} to ${times.at(-1)!.toFixed(1)})`;
}

run(false);
process.stdout.write(`admit + settle, all good, clock read included:     ${median(() => run(false))}\n`);
process.stdout.write(`admit + settle, a tenth failing, clock included:   ${median(() => run(true))}\n`);
process.stdout.write(`reading the clock alone:                           ${median(clockAlone)}\n`);
process.stdout.write(
  `refused or moved: ${breakers.list(systemClock.now()).filter((b) => b.state !== "closed").length} of ${CELLS}\n`,
);
