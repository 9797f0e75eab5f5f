import { Agent } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { json, startTestApp } from "../help/app.ts";
import { call } from "../help/call.ts";
import { startSidecar } from "../help/sidecar.ts";

const REQUESTS = 2_000;
const AT_ONCE = 100;
/** So many repeats may be in flight whatever the share. */
const FLOOR = 3;

test("an app that fails sees at most 1.2 times the traffic, however often each request would be tried", async () => {
  const app = await startTestApp(json(500, { failed: true }));
  onTestFinished(() => app.stop());
  const sidecar = await startSidecar(`
apps:
  quiz:
    owner: dev@quiz.example
    url: "${app.url}"
    webhooks:
      answer:
        path: /a
        retry: { attempts: 3, repeat: always, initial: 500ms }
        breaker: { enabled: false }
`);
  onTestFinished(() => sidecar.stop());
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  onTestFinished(() => agent.destroy());
  let sent = 0;
  const statuses = new Set<number>();
  const caller = async (): Promise<void> => {
    while (sent < REQUESTS) {
      sent++;
      statuses.add((await call(`${sidecar.url}/quiz/answer`, { agent, body: "{}" })).status);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  expect([...statuses]).toEqual([500]);
  expect(app.got.length).toBeLessThanOrEqual(REQUESTS * 1.2 + FLOOR);
  // It was the budget that held them back, and there were repeats to hold back.
  expect(app.got.length).toBeGreaterThan(REQUESTS);
  const denied = sidecar.events.filter((event) => event.type === "request.completed" && event.denied === "budget");
  expect(denied.length).toBeGreaterThan(0);
});
