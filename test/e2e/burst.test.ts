import { Agent } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { startTestApp } from "../help/app.ts";
import { call } from "../help/call.ts";
import { createCountingClock } from "../help/counting-clock.ts";
import { startSidecar } from "../help/sidecar.ts";

const BURST = 150;

test("a burst of both kinds of request leaves no timer, no socket and no handle behind", async () => {
  const app = await startTestApp();
  onTestFinished(() => app.stop());
  const clock = createCountingClock();
  const sidecar = await startSidecar(
    `
apps:
  quiz:
    owner: dev@quiz.example
    url: ${app.url}
    webhooks:
      answer: /answer
      later: { path: /later, mode: async }
`,
    { clock },
  );
  onTestFinished(() => sidecar.stop());
  let sent = 0;
  const burst = async (): Promise<void> => {
    sent += BURST;
    const agent = new Agent({ keepAlive: true, maxSockets: 50 });
    const headers = { "Content-Type": "application/json" };
    const answers = await Promise.all(
      Array.from({ length: BURST }, () => ["answer", "later"])
        .flat()
        .map((path) => call(`${sidecar.url}/quiz/${path}`, { agent, headers, body: "{}" })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(BURST);
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(BURST);
    let seen = 0;
    await sidecar.event("delivery.delivered", () => ++seen === sent);
    agent.destroy();
    await until(() => sidecar.app.connections() === 0);
  };
  // The first opens what stays: connections to the app, and the timers of what happens each second.
  await burst();
  const before = left();
  const timers = clock.pending;
  await burst();
  // What tells of the last answers, and the commit of the last ends, come a moment later.
  await until(() => clock.pending <= timers && sum(left()) <= sum(before));
  expect(sidecar.app.inFlight()).toBe(0);
  expect(sidecar.app.heldBytes()).toBe(0);
});

/** What keeps the process alive, by kind. What is done at the next turn of the loop is over by then. */
function left(): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== "Immediate") found[kind] = (found[kind] ?? 0) + 1;
  }
  return found;
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);

/** Turns of the loop until it is so. A test that waits for ever is ended, and has failed. */
async function until(so: () => boolean): Promise<void> {
  while (!so()) await new Promise(setImmediate);
}
