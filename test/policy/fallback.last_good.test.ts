import fc from "fast-check";
import { expect, test } from "vitest";
import type { Answer, Exchange } from "../../src/core/exchange.ts";
import { fault } from "../../src/core/fault.ts";
import { systemRandom } from "../../src/core/random.ts";
import type { FallbackSettings, ValueRef } from "../../src/core/settings.route.ts";
import { createLastGoodStore, type LastGoodStore } from "../../src/policy/fallback/last_good.store.ts";
import { compileFallbacks, type FallbackAnswer } from "../../src/policy/fallback/strategies.ts";
import { createAnswer, createExchange } from "../help/exchange.ts";
import { createLater } from "../help/later.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";

interface Setup {
  readonly clock: ManualClock;
  readonly store: LastGoodStore;
  remember(x: Exchange, answer?: Partial<Answer>): void;
  ask(x: Exchange): FallbackAnswer | null;
}

function setUp(key: readonly ValueRef[] | null = null, store = createLastGoodStore()): Setup {
  const clock = createManualClock();
  const settings: FallbackSettings = { strategy: "last_good", maxAgeMs: 60_000, key };
  const strategy = compileFallbacks([settings], {
    clock,
    random: systemRandom,
    lastGood: store,
    later: createLater(),
  })[0]!;
  return {
    clock,
    store,
    remember: (x, answer = {}) => strategy.remember?.(x, createAnswer({ body: Buffer.from("good"), ...answer })),
    ask: (x) => {
      const answer = strategy.answer(x, fault("timeout", "late"));
      if (answer instanceof Promise) throw new Error("it answers at once");
      return answer;
    },
  };
}
const call = (given: Partial<Exchange> = {}): Exchange =>
  createExchange({ body: Buffer.from("question"), headers: ["Authorization", "Bearer a"], ...given });

test("the newest good answer is given again, with its age", () => {
  const { remember, ask, clock } = setUp();
  remember(call(), { body: Buffer.from("older") });
  remember(call(), { status: 201, headers: ["X-A", "1", "X-A", "2"], body: Buffer.from("newer") });
  clock.advance(12_999);
  const answer = ask(call());
  expect([answer?.status, answer?.body.toString()]).toEqual([201, "newer"]);
  expect(answer?.headers).toEqual(["X-A", "1", "X-A", "2", "Age", "12"]);
});

test("before any good answer there is none", () => {
  expect(setUp().ask(call())).toBeNull();
});

test("an answer older than max_age is not given, and not kept", () => {
  const { remember, ask, clock, store } = setUp();
  remember(call());
  clock.advance(60_000);
  expect(ask(call())).not.toBeNull();
  clock.advance(1);
  expect(ask(call())).toBeNull();
  expect([store.entries, store.bytes]).toEqual([0, 0]);
});

test("the app's own Age is counted on", () => {
  const { remember, ask, clock } = setUp();
  remember(call(), { headers: ["age", "30", "X", "1"] });
  clock.advance(5000);
  expect(ask(call())?.headers).toEqual(["X", "1", "Age", "35"]);
  remember(call(), { headers: ["Age", "old"] });
  expect(ask(call())?.headers).toEqual(["Age", "0"]);
});

test("cookies set by the app are never given to another call", () => {
  const { remember, ask } = setUp();
  remember(call(), { headers: ["Set-Cookie", "id=1", "X", "1", "set-cookie", "b=2", "SET-COOKIE2", "c"] });
  expect(ask(call())?.headers).toEqual(["X", "1", "Age", "0"]);
});

test.each<[string, Partial<Exchange>]>([
  ["method", { method: "PUT" }],
  ["path", { target: "/quiz/other" }],
  ["query", { rest: "?page=2" }],
  ["body", { body: Buffer.from("another question") }],
  ["Authorization", { headers: ["Authorization", "Bearer b"] }],
  ["Cookie", { headers: ["Authorization", "Bearer a", "Cookie", "id=1"] }],
  ["second Authorization", { headers: ["Authorization", "Bearer a", "Authorization", "Bearer b"] }],
  ["route", { route: { app: "quiz", capability: "other", key: "quiz/other", mode: "sync" } }],
])("a call with another %s is another call", (_what, given) => {
  const { remember, ask } = setUp();
  remember(call());
  expect(ask(call(given))).toBeNull();
  expect(ask(call({ headers: ["X-Other", "1", "authorization", "Bearer a"] }))).not.toBeNull();
});

test("what one part ends with is not taken for the beginning of the next", () => {
  const { remember, ask } = setUp();
  remember(call({ target: "/a", rest: "/b" }));
  expect(ask(call({ target: "/a/", rest: "b" }))).toBeNull();
  const byKey = setUp([
    { kind: "header", name: "a" },
    { kind: "header", name: "b" },
  ]);
  byKey.remember(call({ headers: ["A", "1", "B", "23"] }));
  expect(byKey.ask(call({ headers: ["A", "12", "B", "3"] }))).toBeNull();
});

test("a key of the manifest takes the place of the default", () => {
  const { remember, ask } = setUp([{ kind: "body", pointer: "/room" }]);
  remember(call({ body: Buffer.from('{"room":1,"x":1}') }));
  expect(ask(call({ body: Buffer.from('{"room":1,"x":2}'), headers: [], method: "PUT" }))).not.toBeNull();
  expect(ask(call({ body: Buffer.from('{"room":2,"x":1}') }))).toBeNull();
});

test("where a part of the key is missing nothing is kept: callers without it would share one answer", () => {
  const { remember, ask, store } = setUp([{ kind: "header", name: "x-user" }]);
  remember(call());
  expect(store.entries).toBe(0);
  expect(ask(call())).toBeNull();
});

test("only whole good answers are kept", () => {
  const { remember, store } = setUp();
  for (const worth of ["permanent", "transient", "push_back", "ignored"] as const) remember(call(), { worth });
  remember(call(), { stream: { pipe: () => {}, resume: () => {}, abort: () => {} } });
  expect(store.entries).toBe(0);
});

test("what is kept does not change with the buffer it came in, nor hold it", () => {
  const { remember, ask } = setUp();
  const slab = Buffer.alloc(65_536, "x");
  remember(call(), { body: slab.subarray(10, 14) });
  slab.fill("y");
  const kept = ask(call())?.body;
  expect(kept?.toString()).toBe("xxxx");
  expect(kept?.buffer.byteLength).toBe(4);
});

test("answers outlive a reload, which compiles the strategy anew", () => {
  const store = createLastGoodStore();
  setUp(null, store).remember(call());
  expect(setUp(null, store).ask(call())).not.toBeNull();
});

test("over the number of entries the least recently used goes", () => {
  const { remember, ask } = setUp(null, createLastGoodStore(2));
  remember(call({ rest: "?1" }));
  remember(call({ rest: "?2" }));
  ask(call({ rest: "?1" }));
  remember(call({ rest: "?3" }));
  expect([1, 2, 3].map((n) => ask(call({ rest: `?${n}` })) !== null)).toEqual([true, false, true]);
});

test("an answer larger than the store is not kept, nor an older one in its place", () => {
  const { remember, ask, store } = setUp(null, createLastGoodStore(10, 1000));
  remember(call());
  remember(call(), { body: Buffer.alloc(1000) });
  expect(ask(call())).toBeNull();
  expect(store.bytes).toBe(0);
});

test("the whole holds at most 1,000 entries and 16 MiB", () => {
  const { remember, store } = setUp();
  for (let i = 0; i < 1100; i++) remember(call({ rest: `?${i}` }));
  expect(store.entries).toBe(1000);
  for (let i = 0; i < 20; i++) remember(call({ rest: `?big${i}` }), { body: Buffer.alloc(1 << 20) });
  expect(store.entries).toBeLessThan(1000);
  expect(store.bytes).toBeLessThanOrEqual(16 << 20);
  expect(store.bytes).toBeGreaterThan(15 << 20);
});

test("the account of bytes is right after anything", () => {
  const step = fc.record({ key: fc.nat(5), size: fc.nat(300), what: fc.constantFrom("put", "get", "remove") });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const store = createLastGoodStore(4, 2000);
      for (const { key, size, what } of steps) {
        const name = `k${key}`;
        if (what === "put") store.put(name, { status: 200, headers: [], body: Buffer.alloc(size), at: 0, age: 0 });
        else if (what === "get") store.get(name);
        else store.remove(name);
        expect(store.entries).toBeLessThanOrEqual(4);
        expect(store.bytes).toBeLessThanOrEqual(2000);
        let sum = 0;
        for (let k = 0; k <= 5; k++) sum += (store.get(`k${k}`)?.body.length ?? -258) + 258;
        expect(store.bytes).toBe(sum);
      }
    }),
  );
});

test("a list is compiled in its order, and only last_good listens", () => {
  const clock = createManualClock();
  const deps = { clock, random: systemRandom, lastGood: createLastGoodStore(), later: createLater() };
  const list = compileFallbacks(
    [
      { strategy: "last_good", maxAgeMs: 1, key: null },
      { strategy: "spool" },
      { strategy: "random_pick", from: "/a", as: "/b", count: 1, status: 200, body: null },
      { strategy: "pending_approval", status: 202, body: null },
      { strategy: "static", status: 200, headers: [], body: { kind: "text", text: "" } },
    ],
    deps,
  );
  expect(list.map(({ name }) => name)).toEqual(["last_good", "spool", "random_pick", "pending_approval", "static"]);
  expect(list.filter(({ remember }) => remember !== undefined).map(({ name }) => name)).toEqual(["last_good"]);
});
