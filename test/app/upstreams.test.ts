import { expect, test } from "vitest";
import { createUpstreams } from "../../src/app/upstreams.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { AppSettings, UpstreamSettings } from "../../src/core/settings.ts";
import { ANYWHERE } from "../help/peers.ts";

const UPSTREAM: UpstreamSettings = {
  name: "primary",
  url: "http://127.0.0.1:9",
  secure: false,
  hostname: "127.0.0.1",
  port: 9,
  authority: "127.0.0.1:9",
  prefix: "",
  priority: 0,
  weight: 1,
};

const WAY = { tls: null, egress: ANYWHERE };

function app(max: number): AppSettings {
  return { name: "quiz", concurrency: { max, queue: 0 } } as unknown as AppSettings;
}

test("a change of concurrency keeps slots and budget: old and new calls count against one limit", async () => {
  const upstreams = createUpstreams({ clock: systemClock }, "0.0.0");
  const before = upstreams.get(app(1), UPSTREAM, WAY, 1000);
  expect(before.slots.tryEnter()).toBe(true);
  upstreams.sweep();
  const after = upstreams.get(app(2), UPSTREAM, WAY, 1000);
  upstreams.sweep();
  expect(after.slots).toBe(before.slots);
  expect(after.budget).toBe(before.budget);
  expect(after.client).not.toBe(before.client);
  expect([after.slots.tryEnter(), after.slots.tryEnter()]).toEqual([true, false]);
  await upstreams.close();
});

test("an upstream that no manifest names any more is forgotten", async () => {
  const upstreams = createUpstreams({ clock: systemClock }, "0.0.0");
  const before = upstreams.get(app(1), UPSTREAM, WAY, 1000);
  upstreams.sweep();
  upstreams.sweep();
  expect(upstreams.get(app(1), UPSTREAM, WAY, 1000).slots).not.toBe(before.slots);
  await upstreams.close();
});

test("of a manifest that came to nothing its own upstreams go, and those in force stay as they were", async () => {
  const upstreams = createUpstreams({ clock: systemClock }, "0.0.0");
  const other = { ...UPSTREAM, name: "backup" };
  const before = upstreams.get(app(1), UPSTREAM, WAY, 1000);
  upstreams.sweep();
  const anew = upstreams.get(app(2), UPSTREAM, WAY, 1000);
  const added = upstreams.get(app(2), other, WAY, 1000);
  upstreams.get(app(1), UPSTREAM, WAY, 9000);
  upstreams.forget();
  expect(upstreams.get(app(2), other, WAY, 1000).slots).not.toBe(added.slots);
  expect(upstreams.get(app(2), UPSTREAM, WAY, 1000).client).not.toBe(anew.client);
  expect(upstreams.get(app(1), UPSTREAM, WAY, 1000)).toBe(before);
  upstreams.sweep();
  expect(before.client.connectTimeoutMs).toBe(1000);
  await upstreams.close();
});
