import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createSharing } from "../../src/app/sharing.ts";
import type { OutriggerEvent } from "../../src/core/events.ts";
import type { ProbeReport } from "../../src/core/health.ts";
import type { AppSettings, UpstreamSettings } from "../../src/core/settings.ts";
import type { StoredPin } from "../../src/core/stored.ts";
import { createFailover } from "../../src/policy/failover.ts";
import { POLL_MS } from "../../src/shared/agreement.ts";
import { FAILOVER, HEALTH } from "../help/failover.rules.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";
import { createRegisters, type TestRegisters } from "../help/registers.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

/** An app with a backup on two replicas over one model of Redis; what the probes of each find is set by the test. */

const NAMES = ["primary", "backup"] as const;
type Name = (typeof NAMES)[number];

const upstreams = NAMES.map(
  (name, priority): UpstreamSettings => ({
    name,
    url: `http://${name}.example`,
    secure: false,
    hostname: `${name}.example`,
    port: 80,
    authority: `${name}.example`,
    prefix: "",
    priority,
    weight: 1,
  }),
);
const recovery = { ...FAILOVER.recovery, holdMs: 2_000, holdMaxMs: 8_000 };
const app: AppSettings = {
  name: "quiz",
  owner: null,
  upstreams,
  health: { ...HEALTH, intervalMs: 1_000, healthyAfter: 2 },
  failover: { ...FAILOVER, recovery },
  concurrency: { max: 10, queue: 10 },
  sign: null,
  network: "any",
  preserveHost: false,
  tls: null,
  rateLimit: null,
  context: [],
};

function replica(registers: TestRegisters, clock: ManualClock, seed: number) {
  const events: OutriggerEvent[] = [];
  const dead = new Set<string>();
  const random = createSeededRandom(seed);
  const sharing = createSharing(registers, ["failover"], {
    clock,
    random,
    bus: { emit: (event) => events.push(event) },
  });
  let pin: StoredPin | null = null;
  const failover = createFailover(app, () => null, {
    clock,
    random,
    sharing: sharing.failovers,
    emit: sharing.emit,
    saveHealth: () => undefined,
    recall: () => null,
    savePin: (_, to) => {
      pin = to;
    },
    addMove: () => undefined,
    onWell: () => undefined,
    probe: async ({ name }): Promise<ProbeReport> => ({
      status: dead.has(name) ? "unhealthy" : "healthy",
      answered: !dead.has(name),
      httpStatus: dead.has(name) ? 0 : 200,
      durationMs: 5,
      reason: null,
      proxyError: null,
      detail: null,
      details: null,
    }),
  });
  failover.configure(app);
  sharing.attach({
    breakers: { follow: () => undefined, peers: () => [] },
    failovers: {
      find: (name) => (name === "quiz" ? failover : null),
      objected: failover.objected,
      peers: () => [
        ...failover.peers().map((one) => ({ about: "upstream", ...one }) as const),
        ...(pin === null ? [] : [{ about: "pin", app: "quiz", pin } as const]),
      ],
    },
  });
  const moves = (): string[] =>
    events.flatMap((event) =>
      event.type === "failover" || event.type === "failback"
        ? [`${event.type} to ${event.to}: ${event.reason}${event.peer === true ? ", by the other" : ""}`]
        : [],
    );
  return {
    failover,
    moves,
    active: () => failover.health(clock.now()).active,
    pinned: () => failover.health(clock.now()).pinned?.upstream ?? null,
    finds(name: Name, well: boolean) {
      if (well) dead.delete(name);
      else dead.add(name);
    },
    async stop() {
      failover.stop();
      await sharing[Symbol.asyncDispose]();
    },
  };
}

async function pair() {
  const clock = createManualClock();
  const registers = createRegisters({ wall: clock.wall });
  const [a, b] = [replica(registers, clock, 1), replica(registers, clock, 2)];
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 100) {
      clock.advance(Math.min(left, 100));
      await setImmediate();
    }
  };
  await pass(2 * POLL_MS);
  return { a, b, pass, registers };
}

test("the first that finds the primary dead moves both, and both go back when both have found it well for the hold", async () => {
  const { a, b, pass } = await pair();
  a.finds("primary", false);
  await pass(3_000);
  expect([a.active(), b.active()]).toEqual(["backup", "backup"]);
  expect([a.moves(), b.moves()]).toEqual([["failover to backup: probe"], ["failover to backup: probe, by the other"]]);
  // The other one finds it well all the time, and waits.
  await pass(10_000);
  expect([a.active(), b.active()]).toEqual(["backup", "backup"]);
  a.finds("primary", true);
  await pass(12_000);
  expect([a.active(), b.active()]).toEqual(["primary", "primary"]);
  const back = [...a.moves().slice(1), ...b.moves().slice(1)].sort();
  expect(back).toEqual(["failback to primary: recovered", "failback to primary: recovered, by the other"]);
  await Promise.all([a.stop(), b.stop()]);
});

test("a replica that objected and is gone holds up the others only for a while", async () => {
  const { a, b, pass } = await pair();
  a.finds("primary", false);
  await pass(4_000);
  await a.stop();
  expect(b.active()).toBe("backup");
  await pass(12_000);
  expect(b.active()).toBe("primary");
  await b.stop();
});

type Action =
  | { readonly type: "finds"; readonly who: number; readonly name: Name; readonly well: boolean }
  | { readonly type: "pin"; readonly who: number; readonly name: Name }
  | { readonly type: "release"; readonly who: number }
  | { readonly type: "pass"; readonly ms: number }
  | { readonly type: "away"; readonly away: boolean };

const who = fc.nat(1);
const name = fc.constantFrom(...NAMES);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("finds" as const), who, name, well: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("pin" as const), who, name }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("release" as const), who }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.constantFrom(100, POLL_MS, 3_000, 9_000) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("away" as const), away: fc.boolean() }) },
);

/** What a replica followed, it once made more of than the other one had: a pin brought back what was away … */
const FOLLOWED_PIN: Action[] = [
  { type: "pin", who: 0, name: "primary" },
  { type: "pin", who: 1, name: "backup" },
  { type: "finds", who: 1, name: "backup", well: false },
  { type: "away", away: true },
  { type: "release", who: 0 },
  { type: "pass", ms: 100 },
];
/** … and the last one that served went, so that one that was being tried had nothing left to prove. */
const FOLLOWED_INTO_RELIEF: Action[] = [
  { type: "finds", who: 0, name: "primary", well: false },
  { type: "pass", ms: 9_000 },
  { type: "away", away: true },
  { type: "finds", who: 1, name: "backup", well: false },
  { type: "finds", who: 1, name: "primary", well: false },
  { type: "finds", who: 0, name: "primary", well: true },
  { type: "pass", ms: 3_000 },
];

test("whatever each finds, and whatever Redis and operators do, both end with one upstream and one pin", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { size: "max", maxLength: 20 }), async (actions) => {
      const { a, b, pass, registers } = await pair();
      const all = [a, b];
      for (const one of actions) {
        const own = "who" in one ? all[one.who] : undefined;
        if (one.type === "finds") own?.finds(one.name, one.well);
        else if (one.type === "pin") own?.failover.pin(one.name, "ops");
        else if (one.type === "release") own?.failover.release("ops");
        else if (one.type === "pass") await pass(one.ms);
        else registers.away = one.away;
      }
      registers.away = false;
      await pass(40_000);
      expect([a.active(), a.pinned()]).toEqual([b.active(), b.pinned()]);
      await Promise.all([a.stop(), b.stop()]);
    }),
    { numRuns: 60, examples: [[FOLLOWED_PIN], [FOLLOWED_INTO_RELIEF]] },
  );
});
