import { expect, test } from "vitest";
import { createOutbox, type OutboxDeps } from "../../src/app/outbox.ts";
import { OWN_APP } from "../../src/core/job.ts";
import { systemRandom } from "../../src/core/random.ts";
import { notSent } from "../../src/notify/channel.ts";
import type { Notice } from "../../src/notify/notice.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { createMemorySpool } from "../help/spool.memory.ts";

/** What the outbox makes of a spool that it meets: as a process left it that was killed, or one that is full. */

const notice = (id: string): Notice => ({
  id,
  type: "failover",
  app: "quiz",
  owner: null,
  record: { type: "failover", at: "2026-01-01T00:00:00.000Z" },
  message: {
    title: "moved",
    sentences: [],
    command: null,
    severity: "info",
    link: null,
    app: "quiz",
    capability: null,
    room: null,
    at: "2026-01-01T00:00:00.000Z",
  },
});

function start() {
  const clock = createManualClock();
  const spool = createMemorySpool(clock, systemRandom);
  const marks: string[] = [];
  const deps: OutboxDeps = {
    clock,
    spool: () => spool,
    put: (job) => spool.put(job),
    report: () => {
      throw new Error("nothing ends here");
    },
    ledger: {
      add: () => undefined,
      mark: (id, channel, state, _attempts, detail) => void marks.push(`${id} ${channel} ${state}: ${detail}`),
    },
  };
  return { clock, spool, marks, deps };
}

test("after a start it knows how many wait for each channel", async () => {
  const { deps } = start();
  const before = createOutbox(deps);
  for (const [id, channel] of [
    ["n1", "chat"],
    ["n2", "chat"],
    ["n3", "mail"],
  ] as const)
    expect(await before.put(channel, notice(id))).toBe(true);
  const after = createOutbox(deps);
  await after.open();
  expect(["chat", "mail", "other"].map(after.waiting)).toEqual([2, 1, 0]);
});

test("one that died just before the process did is said to have failed, and is gone from the dead letters", async () => {
  const { deps, spool, marks } = start();
  await createOutbox(deps).put("chat", notice("n1"));
  const want = { app: OWN_APP, capability: "chat", lane: "first", max: 1, maxBytes: 1 } as const;
  const [job] = (await spool.claim(want)).jobs;
  if (job === undefined) throw new Error("nothing was claimed");
  const dead = {
    kind: "dead",
    reason: "attempts_exhausted",
    detail: "answered 403",
    release: true,
    tries: [],
  } as const;
  expect(await spool.settle(job.lease, dead)).toBe(true);
  await createOutbox(deps).open();
  expect(marks).toEqual(["n1 chat failed: answered 403"]);
  expect((await spool.list({ filter: { states: ["dead"] }, limit: 10, cursor: null })).items).toEqual([]);
});

test("at a stop a try under way has a second to end, and then leaves no timer behind", async () => {
  const { deps, spool, clock } = start();
  const outbox = createOutbox(deps);
  await outbox.put("chat", notice("n1"));
  let finish = (): void => undefined;
  const [route] = outbox.routes([
    {
      name: "chat",
      retry: { attempts: 3, initialMs: 1, maxMs: 1 },
      perMinute: null,
      forOwner: false,
      summaries: true,
      attempt: (_notice, signal) =>
        new Promise((resolve) => {
          finish = () => resolve({ kind: "sent", status: 200 });
          signal.addEventListener("abort", () => resolve(notSent("again", 0, "cut off")));
        }),
    },
  ]);
  const want = { app: OWN_APP, capability: "chat", lane: "first", max: 1, maxBytes: 1 } as const;
  const [job] = (await spool.claim(want)).jobs;
  if (job === undefined || route === undefined) throw new Error("nothing was claimed");
  const ended = route.send(job);
  ended.abort();
  finish();
  expect(await ended.done).toMatchObject({ worth: "ok", aborted: false });
  expect(clock.pending()).toBe(0);
  const cut = route.send(job);
  cut.abort();
  clock.advance(1000);
  // No try that counts, and in doubt: it may have arrived.
  expect(await cut.done).toMatchObject({ worth: "transient", aborted: true, inDoubt: true });
});

test("what the spool refuses, or fails to take, is not in the outbox, and does not count as waiting", async () => {
  const { deps } = start();
  const full = createOutbox({ ...deps, put: async () => ({ kind: "full", bound: "jobs" }) });
  expect([await full.put("chat", notice("n1")), full.waiting("chat")]).toEqual([false, 0]);
  const away = createOutbox({ ...deps, put: () => Promise.reject(new Error("disk I/O error")) });
  expect([await away.put("chat", notice("n1")), away.waiting("chat")]).toEqual([false, 0]);
});
