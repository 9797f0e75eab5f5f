import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import type { AnswerToKeep, IdempotencyKey } from "../../src/spool/port.ts";
import { kill, newJob, POLL, QUIZ, queue, type Start, states, sweepAll } from "./spool.rig.ts";

const key: IdempotencyKey = { hash: "aGFzaA", bodyHash: "Ym9keQ", ttlMs: 60_000 };

const answer = (more: Partial<AnswerToKeep> = {}): AnswerToKeep => ({
  status: 200,
  headers: ["Content-Type", "text/plain", "X-Twice", "a", "X-Twice", "b"],
  body: Buffer.from("you won"),
  outcome: "substitute;strategy=random_pick",
  ...more,
});

export function answersSuite(start: Start): void {
  test("an unknown key has no answer", async () => {
    const { spool } = await start();
    expect(await spool.recall(QUIZ, key.hash)).toBeNull();
  });

  test("an answer comes back as it was, with the hash of the body it answered", async () => {
    const { spool } = await start();
    const body = randomBytes(100_000);
    await spool.remember(QUIZ, key, answer({ body }));
    const found = await spool.recall(QUIZ, key.hash);
    expect(found).toMatchObject({ ...answer(), body: expect.anything(), bodyHash: key.bodyHash });
    expect(body.equals(found?.body ?? Buffer.of())).toBe(true);
  });

  test("an answer without a body is one, too", async () => {
    const { spool } = await start();
    await spool.remember(QUIZ, key, answer({ status: 204, headers: [], body: Buffer.of() }));
    const found = await spool.recall(QUIZ, key.hash);
    expect(found).toMatchObject({ status: 204, headers: [] });
    expect(found?.body).toHaveLength(0);
  });

  test("an answer is forgotten when its time is over, swept or not, and may be another one then", async () => {
    const { spool, clock } = await start();
    await spool.remember(QUIZ, key, answer());
    clock.advance(key.ttlMs - 1);
    await sweepAll(spool);
    expect(await spool.recall(QUIZ, key.hash)).not.toBeNull();
    clock.advance(2);
    expect(await spool.recall(QUIZ, key.hash)).toBeNull();
    await spool.remember(QUIZ, { ...key, bodyHash: "b3RoZXI" }, answer({ status: 201 }));
    await sweepAll(spool);
    expect(await spool.recall(QUIZ, key.hash)).toMatchObject({ status: 201, bodyHash: "b3RoZXI" });
  });

  test("the same key on another route is another key", async () => {
    const { spool } = await start();
    await spool.remember(QUIZ, key, answer());
    expect(await spool.recall(POLL, key.hash)).toBeNull();
    expect(await spool.recall({ ...QUIZ, capability: "other" }, key.hash)).toBeNull();
    await spool.remember(POLL, key, answer({ status: 404 }));
    expect(await spool.recall(QUIZ, key.hash)).toMatchObject({ status: 200 });
  });

  test("remembering the same again, as after a lost reply, changes nothing", async () => {
    const { spool } = await start();
    for (let i = 0; i < 2; i++) await spool.remember(QUIZ, key, answer());
    expect(await spool.recall(QUIZ, key.hash)).toMatchObject({ status: 200, outcome: answer().outcome });
  });

  test("answers are no jobs: neither counted nor claimed", async () => {
    const { spool, clock } = await start({ maxJobs: 1 });
    await spool.remember(QUIZ, key, answer());
    expect(await states(spool)).toEqual({});
    await queue(spool, newJob(clock));
  });

  test("an answer outlives a kill", async ({ skip }) => {
    const opened = await start();
    await opened.spool.remember(QUIZ, key, answer());
    const { spool } = await kill(opened, skip);
    expect(await spool.recall(QUIZ, key.hash)).toMatchObject({ status: 200, bodyHash: key.bodyHash });
  });
}
