import { describe, expect, onTestFinished, test } from "vitest";
import type { OutriggerEvent } from "../../src/core/events.ts";
import type { ProbeReport } from "../../src/core/health.ts";
import type { AppSettings, UpstreamSettings } from "../../src/core/settings.ts";
import { type NewMove, type StoredHealth, type StoredPin, upstreamKey } from "../../src/core/stored.ts";
import { createFailover } from "../../src/policy/failover.ts";
import { createProber } from "../../src/policy/health.prober.ts";
import { FAILOVER, HEALTH } from "../help/failover.rules.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

/** The shell around the machine, on a clock that is moved by hand; what a probe would find is set by upstream. */

type Found = Partial<ProbeReport> & { readonly hangs?: boolean };

const upstream = (name: string, priority: number): UpstreamSettings => ({
  name,
  url: `http://${name}.example`,
  secure: false,
  hostname: `${name}.example`,
  port: 80,
  authority: `${name}.example`,
  prefix: "",
  priority,
  weight: 1,
});

function appOf(upstreams = [upstream("primary", 0), upstream("backup", 1)]): AppSettings {
  return {
    name: "quiz",
    owner: null,
    upstreams,
    health: HEALTH,
    failover: FAILOVER,
    concurrency: { max: 10, queue: 10 },
    sign: null,
    network: "any",
    preserveHost: false,
    tls: null,
    rateLimit: null,
    context: [],
  };
}

function open(app = appOf(), stored: { rows?: StoredHealth[]; pin?: StoredPin } = {}, clock = createManualClock()) {
  const found: Record<string, Found> = {};
  const events: OutriggerEvent[] = [];
  const moves: NewMove[] = [];
  const rows = new Map((stored.rows ?? []).map((row) => [upstreamKey(row), row]));
  const probes: string[] = [];
  const well: string[] = [];
  let pin: StoredPin | null = stored.pin ?? null;
  const failover = createFailover(app, () => pin, {
    clock,
    random: createSeededRandom(5),
    emit: (event) => events.push(event),
    saveHealth: (row) => rows.set(upstreamKey(row), row),
    recall: (id) => rows.get(upstreamKey(id)) ?? null,
    savePin: (_, given) => {
      pin = given;
    },
    addMove: (move) => moves.push(move),
    onWell: ({ upstream }) => well.push(upstream),
    probe: ({ name }, _, timeoutMs) => {
      probes.push(name);
      const { hangs = false, ...given } = found[name] ?? {};
      const report: ProbeReport = {
        status: "healthy",
        answered: true,
        httpStatus: 200,
        durationMs: 5,
        reason: null,
        proxyError: null,
        detail: null,
        details: null,
        ...given,
      };
      if (!hangs) return Promise.resolve(report);
      return new Promise((resolve) => {
        const silent = { status: "unhealthy", answered: false, durationMs: timeoutMs, reason: "timeout" } as const;
        clock.after(timeoutMs, () => resolve({ ...report, ...silent }), undefined);
      });
    },
  });
  failover.configure(app);
  onTestFinished(failover.stop);
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 50) {
      clock.advance(Math.min(left, 50));
      // What a probe found is told in a later turn.
      for (let n = 0; n < 4; n++) await Promise.resolve();
    }
  };
  const of = (name: string) => {
    const own = failover.of(app.upstreams.find((one) => one.name === name) as UpstreamSettings);
    if (own === null) throw new Error(`no upstream ${name}`);
    return own;
  };
  const settle = (name: string, result: "good" | "bad", ms: number | null = 20): void => {
    const { health } = of(name);
    health.settle(health.admit(true), result, ms, clock.now());
  };
  const types = (): string[] => events.map(({ type }) => type);
  return { failover, clock, found, events, types, moves, rows, probes, well, pass, of, settle, pinned: () => pin };
}

const DEAD: Found = { status: "unhealthy", answered: false, httpStatus: 0, reason: "connect", durationMs: 1 };

describe("probes", () => {
  test("of an app with a backup begin at once and come every interval, of a single upstream after one interval", async () => {
    const two = open();
    await two.pass(500);
    expect(two.probes.toSorted()).toEqual(["backup", "primary"]);
    await two.pass(10_000);
    expect(two.probes.length).toBeGreaterThanOrEqual(2 * 5);
    expect(two.probes.length).toBeLessThanOrEqual(2 * 7);
    const one = open({ ...appOf([upstream("only", 0)]), health: { ...HEALTH, intervalMs: 300_000 } });
    await one.pass(299_000);
    expect(one.probes).toEqual([]);
    await one.pass(31_100);
    expect(one.probes).toEqual(["only"]);
  });

  test("of many apps with one upstream each do not come all at once", () => {
    const clock = createManualClock();
    const random = createSeededRandom(5);
    const at: number[] = [];
    for (let n = 0; n < 100; n++) {
      const probe = () => {
        at.push(clock.now());
        return new Promise<ProbeReport>(() => undefined);
      };
      createProber({ clock, random, probe, onReport: () => undefined }).configure(
        { ...HEALTH, intervalMs: 300_000 },
        false,
      );
    }
    for (let n = 0; n < 330; n++) clock.advance(1_000);
    expect(at).toHaveLength(100);
    expect(new Set(at).size).toBeGreaterThan(20);
  });

  test("that fail move traffic within the time that the manifest was proved for", async () => {
    const { found, pass, failover, clock, moves, types } = open();
    await pass(3_000);
    found.primary = { hangs: true };
    await pass(4_500);
    expect(failover.health(clock.now())).toMatchObject({ active: "backup", status: "degraded", panic: false });
    expect(types()).toEqual(["upstream.down", "failover"]);
    expect(moves).toMatchObject([{ kind: "failover", from: "primary", to: "backup", reason: "probe" }]);
    expect(moves[0]?.durationMs).toBeGreaterThan(1_000);
  });

  test("the third failure in a row is an alert, once", async () => {
    const { found, pass, events } = open({
      ...appOf([upstream("only", 0)]),
      health: { ...HEALTH, intervalMs: 300_000 },
    });
    found.only = DEAD;
    await pass(330_100);
    await pass(5_000);
    const downs = events.flatMap((event) => (event.type === "upstream.down" ? [event] : []));
    expect(downs.map(({ alert, consecutiveFailures }) => [alert, consecutiveFailures])).toEqual([
      [false, 2],
      [true, 3],
    ]);
    await pass(600_000);
    expect(events.filter(({ type }) => type === "upstream.down")).toHaveLength(2);
    found.only = {};
    await pass(300_000);
    expect(events.at(-1)).toMatchObject({ type: "upstream.up", upstream: "only" });
  });

  test("an upstream that nobody has probed is shown as live calls found it", async () => {
    const { settle, failover, clock } = open(appOf([upstream("only", 0)]));
    expect(failover.health(clock.now()).status).toBe("unknown");
    settle("only", "good");
    expect(failover.health(clock.now()).status).toBe("healthy");
    settle("only", "bad");
    expect(failover.health(clock.now()).status).toBe("degraded");
    settle("only", "bad");
    settle("only", "bad");
    expect(failover.health(clock.now())).toMatchObject({ status: "unhealthy", upstreams: [{ lastCheck: null }] });
  });

  test("a single upstream of which only deliveries are known is shown as those found it", () => {
    const { settle, failover, clock } = open(appOf([upstream("only", 0)]));
    settle("only", "bad", null);
    expect(failover.health(clock.now()).status).toBe("unhealthy");
    settle("only", "good", null);
    expect(failover.health(clock.now()).status).toBe("healthy");
  });

  test("why the newest live call failed is kept with its time, also when calls go well again", () => {
    const { of, settle, failover, clock } = open(appOf([upstream("only", 0)]));
    expect(failover.health(clock.now()).upstreams[0]?.lastFailure).toBeNull();
    const failed = (status: number, reason: "connect" | "status", detail: string | null): void => {
      settle("only", "bad");
      of("only").health.failed({ reason, status, detail }, clock.now());
    };
    failed(503, "status", null);
    clock.advance(1_000);
    failed(0, "connect", "connect: ECONNREFUSED");
    const at = clock.wall();
    clock.advance(5_000);
    settle("only", "good");
    expect(failover.health(clock.now()).upstreams[0]?.lastFailure).toEqual({
      at,
      reason: "connect",
      status: 0,
      detail: "connect: ECONNREFUSED",
    });
  });

  describe("of a single upstream, which come seldom, give way to calls since then:", () => {
    const seldom = () => open({ ...appOf([upstream("only", 0)]), health: { ...HEALTH, intervalMs: 300_000 } });

    test("one that was well and fails its calls is unhealthy, until the next check is good", async () => {
      const { settle, failover, clock, pass } = seldom();
      await pass(330_100);
      for (let n = 0; n < 2; n++) settle("only", "bad");
      expect(failover.health(clock.now()).status).toBe("healthy");
      settle("only", "bad");
      expect(failover.health(clock.now()).status).toBe("unhealthy");
      await pass(300_000);
      expect(failover.health(clock.now()).status).toBe("healthy");
    });

    test("one that nobody answered at is healthy once it answers a call", async () => {
      const { found, settle, failover, clock, pass } = seldom();
      found.only = DEAD;
      await pass(340_000);
      settle("only", "bad");
      expect(failover.health(clock.now()).status).toBe("unhealthy");
      const failures = (): unknown => failover.health(clock.now()).upstreams[0]?.consecutiveFailures;
      expect(failures()).toBe(3);
      settle("only", "good");
      expect(failover.health(clock.now()).status).toBe("healthy");
      expect(failures()).toBe(0);
      settle("only", "bad");
      expect(failures()).toBe(1);
      await pass(300_000);
      expect(failures()).toBe(3);
    });

    test("one that nobody answers at while its calls go well is never told as down", async () => {
      const { found, settle, failover, clock, pass, types, probes } = seldom();
      found.only = DEAD;
      const failures: unknown[] = [];
      await pass(299_000);
      while (probes.length < 4) {
        await pass(100);
        failures.push(failover.health(clock.now()).upstreams[0]?.consecutiveFailures);
        settle("only", "good");
        expect(failures.length).toBeLessThan(10_000);
      }
      expect(types()).toEqual([]);
      expect(failures).toContain(1);
      expect(failures).not.toContain(2);
    });

    test("one that was told as down is told as up by a call that goes well, and kept so, and as down as soon as ever", async () => {
      const { found, settle, events, rows, pass } = seldom();
      found.only = DEAD;
      await pass(340_000);
      settle("only", "good");
      settle("only", "good");
      const [up] = events.slice(-1);
      expect(events.map(({ type }) => type)).toEqual(["upstream.down", "upstream.down", "upstream.up"]);
      expect(up).toMatchObject({
        status: "healthy",
        consecutiveFailures: 0,
        alert: false,
        detail: "a live call went well since its last check failed",
      });
      expect(Array.from(rows.values(), ({ consecutiveFailures }) => consecutiveFailures)).toEqual([0]);
      await pass(301_200);
      expect(events.slice(3)).toMatchObject([
        { type: "upstream.down", consecutiveFailures: 2, alert: false },
        { type: "upstream.down", consecutiveFailures: 3, alert: true },
      ]);
    });

    test("one that says itself that it is unwell stays so, whatever it answers to calls", async () => {
      const { found, settle, failover, clock, pass } = seldom();
      found.only = { status: "unhealthy", httpStatus: 503 };
      await pass(340_000);
      settle("only", "good");
      expect(failover.health(clock.now())).toMatchObject({
        status: "unhealthy",
        upstreams: [{ consecutiveFailures: 3 }],
      });
    });

    test("one without a path for checks is as its calls found it", async () => {
      const { found, settle, failover, clock, pass } = seldom();
      found.only = { status: "unknown", httpStatus: 404 };
      await pass(340_000);
      expect(failover.health(clock.now()).status).toBe("unknown");
      settle("only", "good");
      expect(failover.health(clock.now()).status).toBe("healthy");
      for (let n = 0; n < 3; n++) settle("only", "bad");
      expect(failover.health(clock.now()).status).toBe("unhealthy");
    });
  });

  test("one that goes down for its calls is told as unhealthy, whatever its last check said", async () => {
    const { settle, events, pass } = open();
    await pass(3_000);
    for (let n = 0; n < 3; n++) settle("primary", "bad");
    expect(events.find(({ type }) => type === "upstream.down")).toMatchObject({
      status: "unhealthy",
      detail: "3 live calls in a row failed, though its last check did not",
    });
  });

  test("three failures in a row are an alert though it takes more of them to move traffic, and however they were found", async () => {
    const { found, pass, events } = open({ ...appOf(), health: { ...HEALTH, unhealthyAfter: 10 } });
    await pass(500);
    found.backup = DEAD;
    await pass(3_600);
    expect(events.filter(({ type }) => type === "upstream.down")).toMatchObject([{ upstream: "backup", alert: true }]);
    const live = open();
    for (let n = 0; n < 3; n++) live.settle("primary", "bad");
    expect(live.events[0]).toMatchObject({ type: "upstream.down", consecutiveFailures: 3, alert: true });
  });

  test("of an app that has no such path say nothing against it", async () => {
    const { found, pass, failover, clock } = open();
    found.primary = { status: "unknown", httpStatus: 404 };
    found.backup = { status: "unknown", httpStatus: 404 };
    await pass(20_000);
    expect(failover.health(clock.now())).toMatchObject({ active: "primary", status: "unknown" });
  });
});

describe("live traffic", () => {
  test("three failures in a row move it at once, and what came late from before the move counts for nothing", async () => {
    const { settle, failover, clock, of, pass } = open();
    await pass(500);
    const late = of("primary").health.admit(true);
    for (let n = 0; n < 3; n++) settle("primary", "bad");
    expect(failover.health(clock.now()).active).toBe("backup");
    of("primary").health.settle(late, "bad", 30, clock.now());
    const primary = failover.health(clock.now()).upstreams[0];
    expect(primary).toMatchObject({ standing: "away", cause: "consecutive_failures", samples: 0 });
  });

  test("a success between failures begins the row anew, but the share is remembered", async () => {
    const { settle, failover, clock } = open();
    for (let n = 0; n < 9; n++) {
      settle("primary", "good");
      settle("primary", "bad");
    }
    expect(failover.health(clock.now()).active).toBe("primary");
    settle("primary", "good");
    settle("primary", "bad");
    expect(failover.health(clock.now()).upstreams[0]).toMatchObject({ standing: "away", cause: "success_rate" });
  });

  test("time of asynchronous jobs is nobody's waiting", async () => {
    const { of, failover, clock } = open();
    const { health } = of("primary");
    for (let n = 0; n < 30; n++) health.settle(health.admit(true), "good", null, clock.now());
    expect(failover.health(clock.now()).upstreams[0]).toMatchObject({ samples: 0, standing: "serving" });
    for (let n = 0; n < 30; n++) health.settle(health.admit(true), "good", 6_000, clock.now());
    expect(failover.health(clock.now()).upstreams[0]).toMatchObject({ standing: "away", cause: "response_time" });
  });
});

describe("the way back", () => {
  const downed = async () => {
    const all = open();
    await all.pass(3_000);
    all.found.primary = DEAD;
    await all.pass(4_500);
    expect(all.failover.health(all.clock.now()).active).toBe("backup");
    return all;
  };

  test("a dead primary that is well again has its traffic after the hold, once", async () => {
    const { found, pass, failover, clock, moves } = await downed();
    await pass(60_000);
    found.primary = {};
    // Until its five good probes came.
    await pass(10_000);
    const returnsAt = failover.health(clock.now()).upstreams[0]?.returnsAt ?? 0;
    expect(returnsAt - clock.wall()).toBeGreaterThan(25_000);
    await pass(29_000 - 10_000);
    expect(failover.health(clock.now()).active).toBe("backup");
    await pass(60_000);
    expect(failover.health(clock.now()).active).toBe("primary");
    expect(moves.map(({ kind }) => kind)).toEqual(["failover", "failback"]);
    expect(moves[1]).toMatchObject({ from: "backup", to: "primary", reason: "recovered" });
  });

  test.for<[string, (n: number) => Found]>([
    ["slow", () => ({ durationMs: 2_500 })],
    ["failing one in ten", (n) => (n % 10 === 9 ? DEAD : {})],
    ["degraded", () => ({ status: "degraded" })],
  ])("one that is %s stays away", async ([, nth]) => {
    const { found, pass, failover, clock, probes } = await downed();
    let count = 0;
    Object.defineProperty(found, "primary", { get: () => nth(count++) });
    await pass(600_000);
    expect(probes.length).toBeGreaterThan(500);
    expect(failover.health(clock.now())).toMatchObject({ active: "backup", upstreams: [{ standing: "away" }, {}] });
  });

  test("breakers on it need not wait any longer once it returns", async () => {
    const { found, pass, well, of } = await downed();
    found.primary = {};
    while (!of("primary").health.returning) await pass(1_000);
    expect(well).toEqual(["primary"]);
  });

  test("good probes from before live calls failed do not shorten the way", async () => {
    const { settle, pass, failover, clock } = open();
    await pass(20_000);
    for (let n = 0; n < 3; n++) settle("primary", "bad");
    await pass(6_000);
    expect(failover.health(clock.now()).upstreams[0]).toMatchObject({ standing: "away", wellSince: null });
  });

  test("a single request at a time is tried on it", async () => {
    const { found, pass, of, clock, failover } = await downed();
    found.primary = {};
    await pass(10_000);
    while (!of("primary").health.returning) await pass(1_000);
    const { health } = of("primary");
    const permit = health.admit(true);
    expect(health.trying).toBe(true);
    health.settle(permit, "bad", 20, clock.now());
    expect(health).toMatchObject({ returning: false, serving: false, trying: false });
    expect(failover.health(clock.now()).upstreams[0]).toMatchObject({ standing: "away", wellSince: null });
  });
});

describe("both down", () => {
  test("said as a move to nowhere; the first that answers comes first, and serves after its hold", async () => {
    const { found, pass, failover, clock, events, of, well } = open();
    await pass(1_000);
    found.primary = DEAD;
    found.backup = DEAD;
    await pass(6_000);
    expect(failover.health(clock.now())).toMatchObject({ active: null, panic: true, status: "unhealthy" });
    expect(events.filter(({ type }) => type === "failover").at(-1)).toMatchObject({ to: null });
    found.backup = {};
    await pass(3_000);
    // Breakers that its failures opened need not wait.
    expect(well).toEqual(["backup"]);
    expect(of("backup").health.failures).toBeLessThan(of("primary").health.failures);
    await pass(45_000);
    expect(failover.health(clock.now())).toMatchObject({ active: "backup", panic: false });
  });
});

describe("what is kept", () => {
  test("a restart in the midst of a failover comes up on the backup", async () => {
    const first = open();
    await first.pass(1_000);
    first.found.primary = DEAD;
    await first.pass(5_000);
    first.failover.stop();
    const again = open(appOf(), { rows: [...first.rows.values()] });
    expect(again.failover.health(again.clock.now())).toMatchObject({ active: "backup" });
    expect(again.of("primary").health.serving).toBe(false);
    expect(again.failover.health(again.clock.now()).upstreams[0]).toMatchObject({
      status: "unhealthy",
      cause: "probe",
    });
  });

  test("a reload keeps how each stands, and forgets an upstream at another address", async () => {
    const { failover, found, pass, clock } = open();
    await pass(1_000);
    found.primary = DEAD;
    await pass(5_000);
    failover.configure({ ...appOf(), failover: { ...FAILOVER, minSamples: 30 } });
    expect(failover.health(clock.now()).active).toBe("backup");
    failover.configure(appOf([{ ...upstream("primary", 0), url: "http://elsewhere" }, upstream("backup", 1)]));
    expect(failover.health(clock.now())).toMatchObject({ active: "primary", upstreams: [{ lastCheck: null }, {}] });
  });

  test("an upstream that one manifest leaves out and the next has again is as it was", async () => {
    const { failover, found, pass, clock } = open();
    await pass(1_000);
    found.primary = DEAD;
    await pass(5_000);
    failover.configure(appOf([upstream("third", 2), upstream("backup", 1)]));
    failover.configure(appOf());
    expect(failover.health(clock.now())).toMatchObject({ active: "backup", upstreams: [{ standing: "away" }, {}] });
  });

  test("a reload that sends traffic elsewhere is a move like any other, and one that does not is none", async () => {
    const { failover, moves, pass } = open();
    await pass(1_000);
    failover.configure({ ...appOf(), owner: "somebody" });
    expect(moves).toEqual([]);
    failover.configure(appOf([upstream("primary", 2), upstream("backup", 1)]));
    failover.configure(appOf([upstream("backup", 1), upstream("third", 3)]));
    failover.configure(appOf([upstream("third", 3), upstream("fourth", 4)]));
    expect(moves.map(({ kind, from, to, reason }) => [kind, from, to, reason])).toEqual([
      ["failback", "primary", "backup", "manifest"],
      ["failover", "backup", "third", "manifest"],
    ]);
  });

  test("another window counts anew, but failures in a row go on", () => {
    const { failover, settle, clock } = open();
    for (let n = 0; n < 2; n++) settle("primary", "bad");
    failover.configure({ ...appOf(), failover: { ...FAILOVER, windowMs: 30_000 } });
    expect(failover.health(clock.now()).upstreams[0]).toMatchObject({ samples: 0, consecutiveFailures: 2 });
    settle("primary", "bad");
    expect(failover.health(clock.now()).active).toBe("backup");
  });

  test("an app that loses its backup serves from what is left, however that was", async () => {
    const { failover, found, pass, clock } = open();
    await pass(1_000);
    found.primary = DEAD;
    await pass(5_000);
    failover.configure(appOf([upstream("primary", 0)]));
    expect(failover.health(clock.now())).toMatchObject({ active: "primary", panic: false });
  });

  test("a pin is stored, told with who did it, and given back", async () => {
    const { failover, pinned, moves, clock, pass } = open();
    await pass(1_000);
    expect(failover.pin("nobody", "ops")).toBe(false);
    expect(failover.pin("backup", "ops")).toBe(true);
    expect(pinned()).toMatchObject({ app: "quiz", upstream: "backup", by: "ops" });
    expect(failover.health(clock.now())).toMatchObject({ active: "backup", pinned: { upstream: "backup", by: "ops" } });
    expect(failover.release("ops")).toBe(true);
    expect(failover.release("ops")).toBe(false);
    expect(pinned()).toBeNull();
    expect(moves.map(({ kind, to, reason, by }) => [kind, to, reason, by])).toEqual([
      ["failover", "backup", "operator", "ops"],
      ["failback", "primary", "operator", "ops"],
    ]);
  });
});
