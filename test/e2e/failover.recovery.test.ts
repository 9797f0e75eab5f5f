import { expect } from "vitest";
import {
  beside,
  counted,
  die,
  from,
  HASTY,
  moveText,
  PATIENT,
  stands,
  startFlow,
  startQuiz,
  toyApart,
  toyHere,
} from "../help/pair.ts";
import { type ToyHealth, type ToyMood, WELL } from "../help/toy.ts";

/** A primary comes back: well, or not so well. */

beside("a primary that comes back well gets its traffic after the hold, once, and no request notices", async () => {
  const primary = await toyApart("primary");
  const backup = await toyHere("backup");
  const sidecar = await startQuiz([primary, backup]);
  const flow = startFlow((agent) => sidecar.hook({ agent }), 10);
  await flow.more(100);
  await primary.kill();
  await sidecar.event("failover");
  await flow.more(50);
  await primary.restart();
  const { durationMs } = await sidecar.event("failback");
  expect(durationMs).toBeGreaterThanOrEqual(300);
  await primary.probed(primary.probes() + 5);
  await flow.more(100);
  const answers = await flow.stop();
  expect(counted(answers)).toEqual({ ok: answers.length });
  expect(counted(answers.slice(-50), from)).toEqual({ primary: 50 });
  expect(sidecar.told()).toEqual([
    "failover primary > backup: consecutive_failures",
    "failback backup > primary: recovered",
  ]);
  expect((await sidecar.moves()).map(moveText)).toEqual(sidecar.told());
  const changes = sidecar.events.filter(({ type }) => type === "upstream.up" || type === "upstream.down");
  expect(changes.filter(({ type }) => type === "upstream.up")).toMatchObject([
    { upstream: "primary", status: "healthy" },
  ]);
});

const NOT_WELL: readonly (readonly [string, ToyMood, ToyHealth])[] = [
  ["slow", { kind: "slow", ms: 150 }, "follows"],
  ["degraded", WELL, "degraded"],
  ["without an answer to its probes", WELL, "hang"],
];

for (const [how, mood, health] of NOT_WELL) {
  beside(`a primary that comes back ${how} gets none of its traffic`, async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const recovery = { hold: "100ms", max_response_time: "100ms" };
    const sidecar = await startQuiz([primary, backup], { health: HASTY, recovery });
    await die(sidecar, primary);
    const before = primary.calls();
    await primary.health(health);
    await primary.behave(mood);
    const flow = startFlow((agent) => sidecar.hook({ agent }), 2);
    await primary.probed(primary.probes() + 6);
    const answers = await flow.stop();
    expect(counted(answers)).toEqual({ ok: answers.length });
    expect(counted(answers, from)).toEqual({ backup: answers.length });
    expect(primary.calls()).toBe(before);
    expect(sidecar.told()).toHaveLength(1);
  });
}

beside(
  "a primary that fails one in ten is found out by trials, is held off for longer each time, and costs nobody a failure",
  async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    // So many that one of them fails, however slowly they come.
    const sidecar = await startQuiz([primary, backup], { recovery: { hold: "400ms", hold_max: "1h", successes: 10 } });
    await die(sidecar, primary);
    await primary.behave({ kind: "one_in", n: 10 });
    const before = primary.calls();
    const flow = startFlow((agent) => sidecar.hook({ agent }), 3);
    await primary.called(before + 20);
    // Fewer than a slow machine makes in the 1.6 s that it is held off now.
    await flow.more(12);
    const answers = await flow.stop();
    expect(counted(answers)).toEqual({ ok: answers.length });
    expect(counted(answers, from)).toEqual({ primary: 18, backup: answers.length - 18 });
    expect(primary.calls()).toBe(before + 20);
    expect(sidecar.told()).toHaveLength(1);
    // It was well for 0.4 s, then for 0.8 s; now it must be for 1.6 s.
    await primary.behave(WELL);
    for (;;) {
      const [{ well_since: since, returns_at: until } = {}] = (await sidecar.failover()).upstreams;
      if (since && until) {
        expect(Date.parse(until) - Date.parse(since)).toBeCloseTo(1600, -1);
        break;
      }
      await primary.probed(primary.probes() + 1);
    }
  },
);

beside(
  "a primary that is quick to its probes but slow to requests is found out by trials, which cost nobody an answer",
  async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const recovery = { hold: "100ms", max_response_time: "100ms" };
    const sidecar = await startQuiz([primary, backup], { health: HASTY, recovery });
    await die(sidecar, primary);
    await primary.health("healthy");
    await primary.behave({ kind: "slow", ms: 150 });
    const before = primary.calls();
    const flow = startFlow((agent) => sidecar.hook({ agent }), 2);
    // Five of them make a mean.
    await primary.called(before + 6);
    const answers = await flow.stop();
    expect(counted(answers)).toEqual({ ok: answers.length });
    expect(sidecar.told()).toHaveLength(1);
  },
);

beside(
  "while it returns, one request at a time is tried on it, only such as may be repeated, and one that fails moves",
  async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const webhooks = { hook: { ...PATIENT, timeout: "30s" }, once: { path: "/once", breaker: { enabled: false } } };
    const sidecar = await startQuiz([primary, backup], {
      webhooks,
      recovery: { hold: "200ms", successes: 1000, hold_max: "1h" },
    });
    await die(sidecar, primary);
    await primary.behave(WELL);
    const before = primary.calls();
    await stands(sidecar, primary, "returning");
    expect(primary.calls()).toBe(before);

    const once = await Promise.all(Array.from({ length: 5 }, () => sidecar.hook({}, "once")));
    expect(counted(once, from)).toEqual({ backup: 5 });

    await primary.health("healthy");
    await primary.behave({ kind: "hang" });
    const tried = sidecar.hook();
    await primary.called(before + 1);
    const others = await Promise.all(Array.from({ length: 20 }, () => sidecar.hook()));
    expect(counted(others, from)).toEqual({ backup: 20 });
    await primary.behave(WELL);
    await primary.release();
    expect(from(await tried)).toBe("primary");
    expect(primary.calls()).toBe(before + 1);

    await primary.behave({ kind: "status", status: 500 });
    const failing = await sidecar.hook();
    expect([failing.outcome, from(failing)]).toEqual(["ok", "backup"]);
    expect(primary.calls()).toBe(before + 2);
    const { upstreams } = await sidecar.failover();
    expect(upstreams[0]).toMatchObject({ standing: "away" });
    expect(from(await sidecar.hook())).toBe("backup");
    expect(primary.calls()).toBe(before + 2);
    expect(sidecar.told()).toHaveLength(1);
  },
);

beside("while it returns and hangs, the request that is tried on it moves on with the others", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const webhooks = { hook: { ...PATIENT, timeout: "30s" } };
  const sidecar = await startQuiz([primary, backup], {
    webhooks,
    health: HASTY,
    recovery: { hold: "200ms", successes: 1000, hold_max: "1h" },
  });
  for (let n = 0; n < 20; n++) await sidecar.hook();
  await die(sidecar, primary);
  await primary.behave(WELL);
  await stands(sidecar, primary, "returning");
  await primary.behave({ kind: "hang" });
  const before = primary.calls();
  const tried = await sidecar.hook();
  expect([tried.outcome, from(tried), primary.calls()]).toEqual(["ok", "backup", before + 1]);
  expect((await sidecar.failover()).upstreams[0]).toMatchObject({ standing: "away" });
});

beside("without requests, probes decide that it is back", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const sidecar = await startQuiz([primary, backup], { recovery: { hold: "200ms" } });
  await die(sidecar, primary);
  expect(await sidecar.event("failover")).toMatchObject({ reason: "probe" });
  await primary.behave(WELL);
  expect(await sidecar.event("failback")).toMatchObject({ from: "backup", to: "primary", reason: "recovered" });
  expect(from(await sidecar.hook())).toBe("primary");
});

beside("a backup that dies and returns moves no traffic, and is there when it is needed", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const sidecar = await startQuiz([primary, backup]);
  await die(sidecar, backup);
  expect(from(await sidecar.hook())).toBe("primary");
  await backup.behave(WELL);
  await sidecar.event("upstream.up", ({ upstream }) => upstream === "backup");
  expect(sidecar.told()).toEqual([]);
  await die(sidecar, primary);
  expect(from(await sidecar.hook())).toBe("backup");
  expect(sidecar.told()).toEqual(["failover primary > backup: probe"]);
});
