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

// The callers are in this process: on a machine that does much else they may look up late. A broken promise is so each time.
test("100 callers of an app that never answers each get a winner between 1.0 and 1.5 s, and nothing is left over", {
  timeout: 20_000,
  retry: 2,
}, async () => {
  const clock = createCountingClock();
  const { app, sidecar } = await setUp(WINNER, clock);
  const participants = ["ada", "grace", "edsger"];
  app.behave(hang);
  // The watch of the manifest has one, once it has looked around after the start, and so have the upkeep of the spool
  // and the next probe.
  await until(() => clock.pending === 3);
  const timers = clock.pending;
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => post(`${sidecar.url}/quiz/winner_selection`, { participants })),
  );
  for (const answer of answers) {
    expect(answer.status).toBe(200);
    expect(answer.outcome).toBe("fallback;reason=timeout;strategy=random_pick");
    expect(participants).toContain((JSON.parse(answer.text) as { data: { winner: string } }).data.winner);
    expect(answer.ms).toBeGreaterThanOrEqual(999);
    expect(answer.ms).toBeLessThan(1500);
  }
  // Every connection to the app and from the callers is closed, every timer of ours is gone.
  await app.idle();
  await until(() => sidecar.app.connections() === 0);
  expect(process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap")).toEqual([]);
  expect(clock.pending).toBe(timers);
  expect(sidecar.app.inFlight()).toBe(0);
  expect(sidecar.app.heldBytes()).toBe(0);
});

/** Turns of the loop until it is so: for ends that come with the last packets. */
async function until(so: () => boolean): Promise<void> {
  while (!so()) await new Promise(setImmediate);
}
