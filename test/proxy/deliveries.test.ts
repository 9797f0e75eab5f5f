import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createEventBus } from "../../src/core/events.ts";
import { createMemoryLedger } from "../../src/core/memory.ts";
import { systemRandom } from "../../src/core/random.ts";
import { inTime } from "../../src/proxy/acks.ts";
import { type IntakeDeps, takeIn } from "../../src/proxy/intake.ts";
import { createRouter } from "../../src/proxy/router.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { LIMITS } from "../wire/limits.ts";

const ID = "018bcfe5-6800-7abc-8000-0123456789ab";

/** A listener that looks deliveries up in a store which answers by hand. */
async function serve() {
  const clock = createManualClock();
  const asked: ((job: null) => void)[] = [];
  const inFlight = { count: 0 };
  const deps: IntakeDeps = {
    shared: { clock, memory: createMemoryLedger(1_000), closing: () => false },
    random: systemRandom,
    completion: { bus: createEventBus(() => undefined), inFlight },
    routing: () => ({ router: createRouter<never>([]), limits: { ...LIMITS, inFlight: 2 } }),
    servePassthrough: () => Promise.resolve(),
    put: () => Promise.resolve(null),
    lookUp: inTime(() => new Promise((resolve) => asked.push((job) => resolve({ job }))), 10_000, clock),
  };
  const server = createServer((req, res) => takeIn(req, res, false, deps));
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/.outrigger/deliveries/${ID}`;
  return { clock, asked, inFlight, ask: () => fetch(url) };
}

test("lookups of deliveries count among the requests in flight, and those beyond the limit are refused", async () => {
  const { asked, inFlight, ask } = await serve();
  const two = [ask(), ask()];
  await expect.poll(() => asked.length).toBe(2);
  const third = await ask();
  expect([third.status, third.headers.get("outrigger-outcome")]).toEqual([503, "rejected;reason=overload"]);
  for (const answer of asked) answer(null);
  expect((await Promise.all(two)).map(({ status }) => status)).toEqual([404, 404]);
  expect(inFlight.count).toBe(0);
});

test("a store that does not answer holds a lookup for ten seconds, then it is 503 and to be asked again", async () => {
  const { clock, asked, inFlight, ask } = await serve();
  const asking = ask();
  await expect.poll(() => asked.length).toBe(1);
  clock.advance(10_000);
  const told = await asking;
  expect([told.status, told.headers.get("retry-after")]).toEqual([503, "5"]);
  expect(inFlight.count).toBe(0);
});
