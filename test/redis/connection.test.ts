import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { RedisMoved } from "../../src/core/events.ts";
import { systemRandom } from "../../src/core/random.ts";
import { checkRedis } from "../../src/redis/check.ts";
import { keyPrefix, openRedis } from "../../src/redis/connection.ts";
import { startRedis, withoutRedis } from "../help/redis.ts";

/** The connection and the check, with a real server. */

function link(url: string) {
  const events: RedisMoved[] = [];
  const waiting = new Map<string, () => void>();
  const opened = openRedis(
    { url, keyPrefix: "test", shared: [] },
    {
      clock: systemClock,
      random: systemRandom,
      emit: (event) => {
        events.push(event);
        waiting.get(event.type)?.();
      },
    },
  );
  onTestFinished(() => opened.close());
  const next = (type: RedisMoved["type"]): Promise<void> => new Promise((resolve) => void waiting.set(type, resolve));
  return { ...opened, events, next };
}

async function server(more?: Readonly<Record<string, string>>) {
  const redis = await startRedis(more);
  onTestFinished(() => redis.close());
  return redis;
}

describe.skipIf(withoutRedis)("with a Redis", () => {
  test("it says once that Redis is lost and once that it is back, and refuses commands meanwhile", async () => {
    const redis = await server();
    const { client, whenUp, up, events, next } = link(redis.url);
    await whenUp();
    expect(await client.set("a", "1")).toBe("OK");
    const lost = next("redis.lost");
    await redis.kill();
    await lost;
    expect(up()).toBe(false);
    await expect(client.get("a")).rejects.toThrow();
    const back = next("redis.back");
    await redis.restart();
    await back;
    expect(up()).toBe(true);
    expect(await client.get("a")).toBe("1");
    expect(events.map(({ type }) => type)).toEqual(["redis.lost", "redis.back"]);
  });

  test("a Redis that does not answer is lost, and a command on the way is given up", async () => {
    const redis = await server();
    const { client, whenUp, next } = link(redis.url);
    await whenUp();
    const lost = next("redis.lost");
    redis.pause();
    await expect(client.get("a")).rejects.toThrow();
    await lost;
    const back = next("redis.back");
    redis.resume();
    await back;
    expect(await client.get("a")).toBeNull();
  });

  test("one that is not there at the start is waited for", async () => {
    const redis = await server();
    await redis.stop();
    const { whenUp, next, events } = link(redis.url);
    await next("redis.lost");
    await redis.restart();
    await whenUp();
    expect(events[0]?.detail).toContain("ECONNREFUSED");
  });

  test("a server that keeps every write has nothing said about it", async () => {
    const { client, whenUp } = link((await server()).url);
    await whenUp();
    expect(await checkRedis(client, true)).toMatchObject({ refusals: [], warnings: [] });
  });

  test("one that drops keys is refused for jobs, and one that writes late is warned of", async () => {
    const redis = await server({ appendfsync: "everysec", "maxmemory-policy": "allkeys-lru" });
    const { client, whenUp } = link(redis.url);
    await whenUp();
    const report = await checkRedis(client, true);
    expect(report.refusals).toEqual([expect.stringContaining("maxmemory-policy is allkeys-lru")]);
    expect(report.warnings).toEqual([expect.stringContaining("may lose the jobs acknowledged in the last second")]);
    expect(await checkRedis(client, false)).toMatchObject({ refusals: [], warnings: [] });
  });
});

test("the prefix is a hash tag, unless it has one", () => {
  expect(keyPrefix("outrigger")).toBe("{outrigger}:");
  expect(keyPrefix("hooks:{a}")).toBe("hooks:{a}:");
});
