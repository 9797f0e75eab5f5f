import { expect, test } from "vitest";
import { parseRedisUrl } from "../../src/core/redis.url.ts";

test("a single server: port, login and database are optional, and escapes in the login are undone", () => {
  expect(parseRedisUrl("redis://cache")).toEqual({
    kind: "single",
    tls: false,
    user: null,
    password: null,
    nodes: [{ host: "cache", port: 6379 }],
    master: null,
    db: 0,
  });
  expect(parseRedisUrl("rediss://joe:p%40ss@[::1]:7000/3")).toMatchObject({
    tls: true,
    user: "joe",
    password: "p@ss",
    nodes: [{ host: "::1", port: 7000 }],
    db: 3,
  });
});

test("sentinels name their master, and a cluster some of its nodes", () => {
  expect(parseRedisUrl("redis+sentinel://:pw@a,b:26380/mymaster/2")).toMatchObject({
    kind: "sentinel",
    password: "pw",
    nodes: [
      { host: "a", port: 26_379 },
      { host: "b", port: 26_380 },
    ],
    master: "mymaster",
    db: 2,
  });
  expect(parseRedisUrl("rediss+cluster://a,b:7001")).toMatchObject({
    kind: "cluster",
    tls: true,
    nodes: [
      { host: "a", port: 6379 },
      { host: "b", port: 7001 },
    ],
  });
});

test.each([
  "",
  "redis:",
  "redis://",
  "http://redis",
  "redis://a,b",
  "redis://a:0",
  "redis://a:99999",
  "redis://a/x",
  "redis://a/0/1",
  "redis://%@a",
  "redis+sentinel://a",
  "redis+cluster://a/1",
  "redis+other://a",
])("%j is none", (text) => {
  expect(parseRedisUrl(text)).toBeNull();
});
