import { randomBytes } from "node:crypto";
import type { AnswerStore, IdempotencyKey, Spool } from "../../src/spool/port.ts";
import {
  again,
  claim,
  dead,
  delivered,
  good,
  newJob,
  POLL,
  poll,
  QUIZ,
  queue,
  queueAll,
  take,
  takeOne,
  tried,
  verifying,
} from "../contract/spool.rig.ts";
import type { ManualClock } from "./manual-clock.ts";

export const KEY: IdempotencyKey = { hash: "aGFzaA", bodyHash: "Ym9keQ", ttlMs: 60_000 };

const SECRET = ["Authorization", "Bearer of-a-caller", "X-Twice", "a", "x-twice", "b"];

/** Jobs of every kind there is, and whatever else a spool keeps. */
export async function fillSpool(spool: Spool & AnswerStore, clock: ManualClock): Promise<void> {
  const many = { ...POLL, requestId: null };
  await Promise.all(
    Array.from({ length: 250 }, (_, i) => queue(spool, newJob(clock, { ...many, body: randomBytes(i) }))),
  );
  await queue(spool, newJob(clock, { ...many, body: randomBytes(5 * 2 ** 20) }));
  await queue(spool, newJob(clock, { ...many, request: { ...newJob(clock).request, headers: SECRET } }));
  clock.advance(1000);
  const end = async (settlement: Parameters<Spool["settle"]>[1], more = {}): Promise<void> => {
    await queue(spool, newJob(clock, more));
    await spool.settle((await takeOne(spool)).lease, settlement);
    clock.advance(17);
  };
  await end(delivered());
  await end(dead({ reason: "gone", detail: null }));
  await end(dead({ reason: "attempts_exhausted", tries: [tried(0), tried(1)] }));
  await end(again(0, 90_000));
  await end({ ...again(0, 91_000), inDoubt: true });
  await end(verifying({ delayMs: 5000 }));
  // One blocks its order key, and two are behind it.
  await end(dead({ release: false }), { orderKey: "player 7", blocks: true });
  await queueAll(spool, [newJob(clock, { orderKey: "player 7" }), newJob(clock, { orderKey: "player 7" })]);
  const [cancelled = ""] = await queueAll(spool, [newJob(clock)]);
  await spool.change("cancel", [cancelled]);
  await queue(spool, newJob(clock, { origin: "fallback", sends: 2, tries: [tried(0), tried(1)], inDoubt: true }));
  const verify = { poll: poll(), delayMs: 1000, forMs: 60_000 };
  await queue(spool, newJob(clock, { origin: "sync", verify, sends: 1, tries: [good(0)], body: Buffer.alloc(0) }));
  const imported = { id: "018bcfe5-6800-7abc-8000-0123456789ab", reason: "expired", detail: "it was too old" } as const;
  await spool.put(newJob(clock, { origin: "import", sends: 1, tries: [tried(0)], dead: imported }));
  await queue(spool, newJob(clock, { key: KEY, maxAgeMs: 5000 }));
  await spool.remember(QUIZ, KEY, { status: 200, headers: SECRET, body: Buffer.from("won"), outcome: "ok" });
  await claim(spool, { max: 2 });
  await take(spool, { ...POLL, max: 3 });
  // Whose leases these were is gone with a stop.
  await spool.hold([]);
}
