import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { openRedis } from "../../src/redis/connection.ts";
import { hearNews } from "../../src/shared/news.ts";
import type { Proposal, Registers } from "../../src/shared/port.ts";
import { newsChannel, redisRegisters } from "../../src/shared/redis.ts";
import { startRedis, type TestRedis, withoutRedis } from "../help/redis.ts";
import { createRegisters } from "../help/registers.ts";

/** The registers: the model that other tests trust, and the scripts in a real Redis. */

const proposal = (given: Partial<Proposal>): Proposal => ({
  name: "it",
  id: "a-1",
  from: 0,
  value: "open",
  ageMs: 0,
  ...given,
});

async function inRedis(): Promise<{ registers: Registers; redis: TestRedis; link: ReturnType<typeof openRedis> }> {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const link = openRedis(
    { url: redis.url, keyPrefix: "test", shared: [] },
    { clock: systemClock, random: systemRandom, emit: () => undefined },
  );
  onTestFinished(() => link.close());
  await link.whenUp();
  return { registers: redisRegisters({ ...link, newEpoch: () => "first" }), redis, link };
}

const KEEPERS: readonly (readonly [string, () => Promise<Registers>])[] = [
  ["the model", async () => createRegisters({ wall: systemClock.wall, page: 500 })],
  ...(withoutRedis ? [] : [["Redis", async () => (await inRedis()).registers] as const]),
];

describe.each(KEEPERS)("registers in %s", (_, open) => {
  test("a change is made from the version it names, and of two the first counts", async () => {
    const registers = await open();
    expect(await registers.propose(proposal({ id: "a-1", value: "open é\n1" }))).toEqual({ taken: true, version: 1 });
    const refused = await registers.propose(proposal({ id: "b-1", value: "closed" }));
    expect(refused).toMatchObject({ taken: false, held: { version: 1, id: "a-1", value: "open é\n1" } });
    expect(await registers.propose(proposal({ id: "b-1", from: 1 }))).toEqual({ taken: true, version: 2 });
    expect(await registers.propose(proposal({ name: "other", from: 3 }))).toEqual({ taken: false, held: null });
  });

  test("the same proposal again counts once, and one that others passed has no effect however late it comes", async () => {
    const registers = await open();
    await registers.propose(proposal({ id: "a-1" }));
    expect(await registers.propose(proposal({ id: "a-1" }))).toEqual({ taken: true, version: 1 });
    await registers.propose(proposal({ id: "b-1", from: 1, value: "closed" }));
    const before = await registers.read(0);
    expect(await registers.propose(proposal({ id: "a-1" }))).toMatchObject({
      taken: false,
      held: { version: 2, id: "b-1" },
    });
    const after = await registers.read(0);
    expect([after.newest, after.changes.map(({ id, value }) => [id, value])]).toEqual([
      before.newest,
      [["b-1", "closed"]],
    ]);
  });

  test("a reading has what changed since the last, oldest first", async () => {
    const registers = await open();
    expect(await registers.read(0)).toMatchObject({ newest: 0, changes: [] });
    for (const name of ["x", "y", "z"]) await registers.propose(proposal({ name, id: name, ageMs: 5_000 }));
    const all = await registers.read(0);
    expect(all.changes.map(({ name, version }) => [name, version])).toEqual([
      ["x", 1],
      ["y", 1],
      ["z", 1],
    ]);
    expect(all.changes[0]?.ageMs).toBeGreaterThanOrEqual(5_000);
    await registers.propose(proposal({ name: "x", id: "x2", from: 1 }));
    const news = await registers.read(all.upTo);
    expect(news.changes.map(({ name, id }) => [name, id])).toEqual([["x", "x2"]]);
    expect([news.epoch, (await registers.read(news.upTo)).changes]).toEqual([all.epoch, []]);
  });

  test("an objection holds until it is taken back or lapses", async () => {
    const registers = await open();
    await registers.object("a quiz primary http://10.0.0.5", 60_000);
    await registers.object("b quiz primary http://10.0.0.5", 60_000);
    const about = "quiz primary http://10.0.0.5";
    expect(new Set((await registers.read(0)).objections)).toEqual(
      new Set([
        { replica: "a", about },
        { replica: "b", about },
      ]),
    );
    await registers.object("a quiz primary http://10.0.0.5", 0);
    expect((await registers.read(0)).objections).toEqual([{ replica: "b", about }]);
  });
});

describe.skipIf(withoutRedis)("registers in a real Redis", () => {
  test("six hundred are read in pages, each once", async () => {
    const { registers } = await inRedis();
    const all = Array.from({ length: 600 }, (_, n) => `r${n}`);
    await Promise.all(all.map((name) => registers.propose(proposal({ name, id: name }))));
    const seen: string[] = [];
    for (let since = 0; ; ) {
      const page = await registers.read(since);
      seen.push(...page.changes.map(({ name }) => name));
      if (page.upTo >= page.newest) break;
      since = page.upTo;
    }
    expect(seen).toEqual(all);
  });

  test("what was decided is there after a crash of Redis, and so is the name of its memory", async () => {
    const { registers, redis, link } = await inRedis();
    await registers.propose(proposal({}));
    const { epoch } = await registers.read(0);
    const back = new Promise<void>((resolve) => link.onBack(resolve));
    await redis.kill();
    await redis.restart();
    await back;
    const found = await registers.read(0);
    expect([found.epoch, found.changes]).toMatchObject([epoch, [{ name: "it", version: 1, value: "open" }]]);
  });

  test("who listens hears of each change, and of all it may have missed when Redis is back", async () => {
    const { registers, redis, link } = await inRedis();
    let heard = 0;
    let wake = (): void => undefined;
    const more = (): Promise<void> =>
      new Promise((resolve) => {
        wake = resolve;
      });
    const listening = more();
    const stop = hearNews(link.client, newsChannel(link.prefix), () => {
      heard++;
      wake();
    });
    onTestFinished(stop);
    await listening;
    let next = more();
    await registers.propose(proposal({}));
    await next;
    next = more();
    await registers.object("a it", 60_000);
    await next;
    expect(heard).toBe(3);
    next = more();
    await redis.restart();
    await next;
    expect(heard).toBe(4);
  });
});
