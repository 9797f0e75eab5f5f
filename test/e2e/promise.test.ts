import { existsSync, readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import type { Clock } from "../../src/core/clock.ts";
import { hang, startTestApp, type TestApp } from "../help/app.ts";
import { post } from "../help/call.ts";
import { createCountingClock } from "../help/counting-clock.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** The main promise: whatever the app does, every caller has an answer within `timeout` + 500 ms. */

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function setUp(yaml: (app: TestApp) => string, clock?: Clock): Promise<{ app: TestApp; sidecar: Sidecar }> {
  const app = await startTestApp();
  cleanUp.push(() => app.stop());
  const sidecar = await startSidecar(yaml(app), clock === undefined ? {} : { clock });
  cleanUp.push(() => sidecar.stop());
  return { app, sidecar };
}

const WINNER = (app: TestApp): string => `
apps:
  quiz:
    owner: dev@quiz.example
    url: ${app.url}
    webhooks:
      winner_selection:
        path: /winner
        timeout: 1000
        fallback: { strategy: random_pick, from: /participants, as: /winner }
`;

test("100 callers of an app that never answers each get a winner between 1.0 and 1.5 s, and nothing is left over", {
  timeout: 20_000,
}, async () => {
  const clock = createCountingClock();
  const { app, sidecar } = await setUp(WINNER, clock);
  const participants = ["ada", "grace", "edsger"];
  app.behave(hang);
  const ask = () => post(`${sidecar.url}/quiz/winner_selection`, { participants });
  // What runs beside requests (the watch of the manifest, probes, upkeep) has its timers once one call is over.
  await ask();
  const timers = clock.pending;
  const before = heldUpMs();
  const answers = await Promise.all(Array.from({ length: 100 }, ask));
  const heldUp = heldUpMs() - before;
  for (const answer of answers) {
    expect(answer.status).toBe(200);
    expect(answer.outcome).toBe("fallback;reason=timeout;strategy=random_pick");
    expect(participants).toContain((JSON.parse(answer.text) as { data: { winner: string } }).data.winner);
    expect(answer.ms).toBeGreaterThanOrEqual(999);
    expect(answer.ms - heldUp).toBeLessThan(1500);
  }
  // Every connection to the app and from the callers is closed, every timer of ours is gone.
  await app.idle();
  await until(() => sidecar.app.connections() === 0);
  expect(process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap")).toEqual([]);
  await until(() => clock.pending <= timers);
  expect(sidecar.app.inFlight()).toBe(0);
  expect(sidecar.app.heldBytes()).toBe(0);
});

/**
 * Milliseconds in which this thread had work and no processor, as Linux counts them: callers and sidecar share it, and a
 * machine that does much else lets both wait. What holds the loop itself is no part of that. Elsewhere 0.
 */
function heldUpMs(): number {
  const file = "/proc/thread-self/schedstat";
  return existsSync(file) ? Number(readFileSync(file, "utf8").split(" ")[1]) / 1e6 : 0;
}

/** Turns of the loop until it is so: for ends that come with the last packets. */
async function until(so: () => boolean): Promise<void> {
  while (!so()) await new Promise(setImmediate);
}
