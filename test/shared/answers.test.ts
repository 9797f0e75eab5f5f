import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { openRedis } from "../../src/redis/connection.ts";
import { redisAnswers } from "../../src/shared/answers.ts";
import type { AnswerToKeep } from "../../src/spool/port.ts";
import { startRedis, withoutRedis } from "../help/redis.ts";

/** Answers of synchronous routes, in a real Redis. */

const route = { app: "quiz", capability: "winner" };
const key = { hash: "k".repeat(43), bodyHash: "b".repeat(43), ttlMs: 60_000 };
const answer: AnswerToKeep = {
  status: 201,
  headers: ["Content-Type", "application/octet-stream", "X-Word", "na\u00efve"],
  body: Uint8Array.from([0, 10, 13, 255, 128, 10]),
  outcome: "ok",
};

async function stores() {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const link = openRedis(
    { url: redis.url, keyPrefix: "test", shared: [] },
    { clock: systemClock, random: systemRandom, emit: () => undefined },
  );
  onTestFinished(() => link.close());
  await link.whenUp();
  const store = (replica: string) =>
    redisAnswers({
      ...link,
      replica,
      pack: (headers) => JSON.stringify(headers),
      unpack: (text) => (text.includes("unreadable") ? null : (JSON.parse(text) as string[])),
    });
  return { a: store("a"), b: store("b"), link };
}

describe.skipIf(withoutRedis)("answers in Redis", () => {
  test("a key is one request's, on whatever replica, until it is let go or lapses", async () => {
    const { a, b, link } = await stores();
    const own = a.owner();
    expect(own).not.toBe(a.owner());
    expect(await a.claim(route, key, own, 60_000)).toEqual({ kind: "mine" });
    expect(await a.claim(route, key, own, 60_000)).toEqual({ kind: "mine" });
    const other = b.owner();
    expect(await b.claim(route, key, other, 60_000)).toEqual({ kind: "running", bodyHash: key.bodyHash });
    expect(await b.recall(route, key.hash)).toBeNull();
    await b.free(route, key, other);
    expect(await b.claim(route, key, other, 60_000)).toMatchObject({ kind: "running" });
    await a.free(route, key, own);
    expect(await b.claim(route, key, other, 60_000)).toEqual({ kind: "mine" });
    const [name = ""] = await link.client.keys("*");
    expect(await link.client.pttl(name)).toBeGreaterThan(50_000);
  });

  test("the answer is kept to the byte, and the first of two counts", async () => {
    const { a, b, link } = await stores();
    await a.claim(route, key, a.owner(), 1_000);
    await a.remember(route, key, answer);
    await b.remember(route, key, { ...answer, status: 200 });
    const kept = { ...answer, bodyHash: key.bodyHash };
    expect(await b.recall(route, key.hash)).toEqual(kept);
    expect(await b.claim(route, key, b.owner(), 1_000)).toEqual({ kind: "kept", answer: kept });
    const [name = ""] = await link.client.keys("*");
    expect(await link.client.pttl(name)).toBeGreaterThan(50_000);
  });

  test("an answer that nobody here can read is as good as none", async () => {
    const { a, b } = await stores();
    await a.remember(route, key, { ...answer, headers: ["X-Word", "unreadable"] });
    expect(await b.recall(route, key.hash)).toBeNull();
    expect(await b.claim(route, key, b.owner(), 1_000)).toEqual({ kind: "mine" });
  });
});
