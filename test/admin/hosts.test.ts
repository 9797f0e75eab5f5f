import fc from "fast-check";
import { expect, test } from "vitest";
import { createBuckets } from "../../src/admin/bucket.ts";
import { type Hosts, isOwnHost, isOwnOrigin } from "../../src/admin/hosts.ts";
import { createManualClock } from "../help/manual-clock.ts";

const hosts: Hosts = {
  allowed: ["outrigger.internal"],
  listen: { kind: "tcp", host: "Admin.Example", port: 9090 },
  local: "::ffff:10.0.0.7",
};

test("the listener's own names and addresses are answered, in any spelling of case and port", () => {
  for (const host of ["admin.example:9090", "ADMIN.example", "10.0.0.7:1", "outrigger.internal", "[::1]", "127.0.0.53"])
    expect(isOwnHost(host, hosts), host).toBe(true);
  expect(isOwnHost("[fd00::7]:80", { ...hosts, local: "fd00::7" })).toBe(true);
});

test("other names, other addresses and broken ones are not", () => {
  const strange = [
    "",
    "10.0.0.8",
    "[::2]",
    "[127.0.0.1",
    "localhost:",
    "localhost:99999999",
    "127.0.0.1 ",
    "127.1",
    "0.0.0.0",
  ];
  for (const host of [undefined, "evil.example", ...strange]) expect(isOwnHost(host, hosts), host).toBe(false);
});

test("no name that ends in a stranger's domain is ever the listener's own", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(isOwnHost(`${text}.evil.example`, hosts)).toBe(false);
      expect(isOwnOrigin(`${text}://evil.example`, hosts)).toBe(false);
      expect(isOwnOrigin(`http://${text}.evil.example`, hosts)).toBe(false);
    }),
  );
});

test("an empty bucket fills by itself, each key has its own, and the oldest is forgotten beyond the bound", () => {
  const clock = createManualClock();
  const buckets = createBuckets({ clock, burst: 2, everyMs: 1000, maxKeys: 2 });
  expect([buckets.take("a"), buckets.take("a"), buckets.take("a")]).toEqual([true, true, false]);
  expect(buckets.waitMs("a")).toBe(1000);
  expect(buckets.waitMs("b")).toBe(0);
  clock.advance(400);
  expect(buckets.waitMs("a")).toBe(600);
  clock.advance(600);
  expect([buckets.take("a"), buckets.take("a")]).toEqual([true, false]);
  clock.advance(60_000);
  expect([buckets.take("a"), buckets.take("a"), buckets.take("a")]).toEqual([true, true, false]);
  buckets.take("b");
  buckets.take("c");
  expect(buckets.waitMs("a")).toBe(0);
});

test("no key ever takes more than its burst and what came since", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3000), { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (waits, burst) => {
      const clock = createManualClock();
      const buckets = createBuckets({ clock, burst, everyMs: 1000, maxKeys: 10 });
      let taken = 0;
      for (const ms of waits) {
        clock.advance(ms);
        const wait = buckets.waitMs("k");
        const took = buckets.take("k");
        expect(took).toBe(wait === 0);
        if (took) taken++;
        expect(taken).toBeLessThanOrEqual(burst + clock.now() / 1000);
      }
    }),
  );
});
