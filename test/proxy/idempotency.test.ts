import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { createEventBus, type OutriggerEvent } from "../../src/core/events.ts";
import type { BodyStream, Exchange, Reply, Send, Substitute } from "../../src/core/exchange.ts";
import { fault } from "../../src/core/fault.ts";
import { createMemoryLedger } from "../../src/core/memory.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createIdempotencyKeys } from "../../src/policy/idempotency.keys.ts";
import { createIdempotency } from "../../src/policy/idempotency.ts";
import { type IntakeDeps, takeIn } from "../../src/proxy/intake.ts";
import type { RoutePlan } from "../../src/proxy/plan.ts";
import { createRouter } from "../../src/proxy/router.ts";
import { createAnswerStore } from "../help/answer-store.ts";
import { type Asked, call } from "../help/call.ts";
import { createAnswer } from "../help/exchange.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { LIMITS } from "../wire/limits.ts";

/** A synchronous route with idempotency, from the wire on; the app is a function of the test. */

const cleanUp: (() => unknown)[] = [];
afterEach(() => {
  for (const clean of cleanUp.splice(0)) clean();
});

const REF = { app: "quiz", capability: "winner", key: "quiz/winner", mode: "sync" } as const;

async function serve(send: Send, clock: Clock = systemClock) {
  const answers = createAnswerStore(clock);
  const keys = createIdempotencyKeys();
  const settings = { header: "idempotency-key", ttlMs: 60_000 };
  let runs = 0;
  const plan = {
    ref: REF,
    settings: { timeoutMs: 5000, bodyLimit: 1000, retry: { repeat: "safe" }, idempotency: settings },
    send: (x: Exchange) => {
      runs++;
      return send(x);
    },
    drop: new Set(),
    set: [],
    takeToken: null,
    labels: () => ({}),
    keyHeaders: new Set(["idempotency-key"]),
    inbound: null,
    idempotency: createIdempotency(REF, settings, { clock, answers, keys }),
    inFlight: { count: 0 },
  } as unknown as RoutePlan;
  const events: OutriggerEvent[] = [];
  const bus = createEventBus((error) => {
    throw error;
  });
  const heard: (() => void)[] = [];
  bus.on((event) => {
    events.push(event);
    for (const tell of heard.splice(0)) tell();
  });
  const told = async (n: number): Promise<void> => {
    while (events.length < n) await new Promise<void>((resolve) => heard.push(resolve));
  };
  const deps: IntakeDeps = {
    shared: { clock, memory: createMemoryLedger(1_000_000), closing: () => false },
    random: systemRandom,
    completion: { bus, inFlight: { count: 0 } },
    routing: () => ({
      router: createRouter([{ match: { path: "/quiz/winner", methods: null, host: null, headers: [] }, value: plan }]),
      limits: LIMITS,
    }),
    servePassthrough: () => Promise.resolve(),
    put: () => Promise.resolve(null),
    lookUp: async () => ({ job: null }),
  };
  const server = createServer((req, res) => takeIn(req, res, false, deps));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUp.push(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/quiz/winner`;
  const ask = (body = "one", headers: Record<string, string | string[]> = {}, more: Asked = {}) =>
    call(url, { headers: { "Idempotency-Key": "k1", ...headers }, body, ...more });
  return { url, ask, answers, keys, events, told, runs: () => runs };
}

/** A `Send` whose replies the test gives one by one; `asked` resolves when the n-th has come. */
function byHand(whenGone: Reply = fault("reset", "the caller went away", { aborted: true })) {
  const waiting: ((reply: Reply) => void)[] = [];
  const heard: (() => void)[] = [];
  let count = 0;
  return {
    send: ((x) =>
      new Promise((resolve) => {
        count++;
        waiting.push(resolve);
        x.onGone = () => resolve(whenGone);
        for (const tell of heard.splice(0)) tell();
      })) satisfies Send,
    asked: async (n: number) => {
      while (count < n) await new Promise<void>((resolve) => heard.push(resolve));
    },
    reply: (reply: Reply) => waiting.shift()?.(reply),
  };
}

function pick(winner: string): Substitute {
  const cause = fault("timeout", "no answer in time", { written: true });
  const headers = ["Content-Type", "application/json"];
  const body = Buffer.from(JSON.stringify({ winner }));
  return { kind: "substitute", strategy: "random_pick", reason: "timeout", cause, status: 200, headers, body };
}

test("a repeat gets the first answer, with a request id of its own and without the first caller's cookies", async () => {
  const headers = ["Content-Type", "text/plain", "Set-Cookie", "s=1", "X-App", "a", "x-app", "b"];
  const { ask, runs, events } = await serve(async () =>
    createAnswer({ status: 201, headers, body: Buffer.from("Ada") }),
  );
  const first = await ask("one", { "X-Request-ID": "first" });
  expect(first).toMatchObject({ status: 201, outcome: "ok", text: "Ada" });
  expect(first.headers).toMatchObject({ "set-cookie": ["s=1"], "x-request-id": "first" });
  expect(first.headers["idempotency-replayed"]).toBe(undefined);
  const repeat = await ask("one", { "X-Request-ID": "second" });
  expect(repeat).toMatchObject({ status: 201, outcome: "ok", text: "Ada" });
  expect(repeat.headers).toMatchObject({
    "idempotency-replayed": "true",
    "x-request-id": "second",
    "content-type": "text/plain",
    "x-app": "a, b",
  });
  expect(repeat.headers["set-cookie"]).toBe(undefined);
  expect(runs()).toBe(1);
  expect(events).toMatchObject([
    { id: "first", outcome: "ok", status: 201 },
    { id: "second", outcome: "ok", status: 201, attempts: [] },
  ]);
});

test("a repeat of a fallback gets the same winner, said as it was, and counts as no second use of the fallback", async () => {
  let n = 0;
  const { ask, events } = await serve(async () => pick(`winner ${n++}`));
  const [first, repeat] = [await ask(), await ask()];
  expect(first.text).toBe('{"winner":"winner 0"}');
  expect(repeat.text).toBe(first.text);
  expect(repeat.outcome).toBe("fallback;reason=timeout;strategy=random_pick");
  expect(repeat.headers["proxy-status"]).toBe(first.headers["proxy-status"]);
  expect(repeat.headers["proxy-status"]).toContain("http_response_timeout");
  expect(events.map(({ type }) => type)).toEqual(["request.completed", "fallback.used", "request.completed"]);
  expect(events[2]).toMatchObject({ outcome: "fallback", reason: "timeout", status: 200, attempts: [] });
});

test("a declined answer is a first answer, too", async () => {
  const { ask, runs, events } = await serve(async () => createAnswer({ worth: "permanent", status: 404 }));
  await ask();
  expect(await ask()).toMatchObject({ status: 404, outcome: "declined" });
  expect(runs()).toBe(1);
  expect(events[1]).toMatchObject({ outcome: "declined", status: 404 });
});

test("what may be better next time is no first answer: failures, push-back and makeshift answers", async () => {
  const replies: Reply[] = [
    fault("connect", "refused"),
    createAnswer({ worth: "push_back", reason: "status", status: 429 }),
    createAnswer({ worth: "transient", reason: "status", status: 500 }),
    { ...pick("x"), strategy: "static" },
    createAnswer(),
  ];
  const { ask, keys } = await serve(async () => replies.shift() as Reply);
  const statuses: number[] = [];
  for (let i = 0; i < 6; i++) statuses.push((await ask()).status);
  expect(statuses).toEqual([502, 429, 500, 200, 200, 200]);
  expect(replies).toEqual([]);
  expect(keys.running.size).toBe(0);
});

test("a repeat of one that still runs is 409 with Retry-After, one with another body 422, before and after", async () => {
  const app = byHand();
  const { ask, events } = await serve(app.send);
  const first = ask();
  await app.asked(1);
  const early = await ask();
  expect(early).toMatchObject({ status: 409, outcome: "rejected" });
  expect(early.headers).toMatchObject({ "retry-after": "1", "content-type": "application/problem+json" });
  expect(JSON.parse(early.text)).toMatchObject({ type: "urn:outrigger:problem:idempotency-running" });
  const other = await ask("two");
  expect(other.status).toBe(422);
  expect(JSON.parse(other.text)).toMatchObject({ type: "urn:outrigger:problem:idempotency-conflict" });
  app.reply(createAnswer());
  expect((await first).status).toBe(200);
  expect((await ask("two")).status).toBe(422);
  expect((await ask()).headers["idempotency-replayed"]).toBe("true");
  const ends = events.map((event) => (event.type === "request.completed" ? event.outcome : event.type));
  expect(ends).toEqual(["rejected", "rejected", "ok", "rejected", "ok"]);
});

test("a caller with other credentials has keys of its own, and requests without a key are all served", async () => {
  const { ask, url, runs } = await serve(async () => createAnswer());
  await ask();
  await ask("one", { Authorization: "Bearer other" });
  for (let i = 0; i < 2; i++) await call(url, { body: "one" });
  expect(runs()).toBe(4);
});

test("two keys in a request, and one too long, are refused with what to do", async () => {
  const { ask, runs } = await serve(async () => createAnswer());
  const twice = await ask("one", { "Idempotency-Key": ["k1", "k2"] });
  const long = await ask("one", { "Idempotency-Key": "k".repeat(256) });
  expect([twice.status, long.status, runs()]).toEqual([400, 400, 0]);
  expect(JSON.parse(twice.text).detail).toContain("one idempotency-key header");
  expect(JSON.parse(long.text).detail).toContain("255 bytes");
});

test("GET and HEAD work alike", async () => {
  for (const method of ["GET", "HEAD"]) {
    const { ask, runs } = await serve(async () => createAnswer({ body: Buffer.from(method === "GET" ? "Ada" : "") }));
    const answered = [await ask("", {}, { method }), await ask("", {}, { method })];
    expect(answered).toMatchObject([{ status: 200 }, { status: 200 }]);
    expect(answered[1]?.headers["idempotency-replayed"]).toBe("true");
    expect(answered[1]?.text).toBe(answered[0]?.text);
    expect(runs()).toBe(1);
  }
});

test("an answer that came as its caller left is kept: that caller is the one who will ask again", async () => {
  const app = byHand(createAnswer());
  const { ask, answers, keys, events, told, runs } = await serve(app.send);
  const leaving = new AbortController();
  const left = ask("one", {}, { signal: leaving.signal });
  await app.asked(1);
  leaving.abort();
  await expect(left).rejects.toThrow();
  await told(1);
  expect(events).toMatchObject([{ outcome: "aborted" }]);
  expect([answers.remembers, keys.running.size]).toEqual([1, 0]);
  expect((await ask("one")).headers["idempotency-replayed"]).toBe("true");
  expect(runs()).toBe(1);
});

test("a caller that leaves while the store is asked does not reach the app", async () => {
  const app = byHand();
  const { ask, answers, keys, events, told, runs } = await serve(app.send);
  answers.recalling = "hold";
  const leaving = new AbortController();
  const left = ask("one", {}, { signal: leaving.signal });
  await answers.asked(1);
  leaving.abort();
  await expect(left).rejects.toThrow();
  await told(1);
  expect(events).toMatchObject([{ outcome: "aborted" }]);
  expect([runs(), keys.running.size]).toEqual([0, 0]);
});

test("a streamed answer is not kept; its key is free when the last byte went", async () => {
  let end: ((broken: null) => void) | null = null;
  const piped = Promise.withResolvers<void>();
  const stream: BodyStream = {
    pipe: (write, done) => {
      write(Buffer.from("large"));
      end = done;
      piped.resolve();
    },
    resume: () => undefined,
    abort: () => undefined,
  };
  const replies: Reply[] = [createAnswer({ stream, headers: [] }), createAnswer()];
  const { ask, answers, runs } = await serve(async () => replies.shift() as Reply);
  const first = ask();
  await piped.promise;
  expect((await ask()).status).toBe(409);
  (end as ((broken: null) => void) | null)?.(null);
  expect((await first).text).toBe("large");
  expect(answers.remembers).toBe(0);
  expect((await ask()).headers["idempotency-replayed"]).toBe(undefined);
  expect(runs()).toBe(2);
});

test("storage that is away costs no caller its answer", async () => {
  const { ask, answers, runs } = await serve(async () => createAnswer());
  answers.recalling = "reject";
  answers.remembering = "reject";
  expect((await ask()).status).toBe(200);
  expect((await ask()).headers["idempotency-replayed"]).toBe("true");
  expect(runs()).toBe(1);
});

test("storage that hangs costs a caller 250 ms before the app and 250 ms after it", async () => {
  const clock = createManualClock();
  const app = byHand();
  const { ask, answers, events } = await serve(app.send, clock);
  answers.recalling = "hold";
  answers.remembering = "hold";
  const first = ask();
  await answers.asked(1);
  clock.advance(250);
  await app.asked(1);
  app.reply(createAnswer());
  await answers.asked(2);
  expect(events).toEqual([]);
  clock.advance(250);
  expect((await first).status).toBe(200);
  expect(events).toMatchObject([{ outcome: "ok", durationMs: 500, overheadMs: 0 }]);
  expect((await ask()).headers["idempotency-replayed"]).toBe("true");
});
