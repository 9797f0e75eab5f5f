import { expect, test } from "vitest";
import { counted, FOR_LONG, from, HASTY, PATIENT, RARELY, startFlow, startQuiz, toyHere } from "../help/pair.ts";
import { WELL } from "../help/toy.ts";

/** An upstream that takes requests and says nothing: who waits there, who moves, and who raises no alarm. */

/** Half of what a try has is far beyond what these tests take, so nobody is answered because its time was over. */
const SLOW = { ...PATIENT, timeout: "30s" };
const ONCE = { ...SLOW, retry: { repeat: "safe" } };

test("one failed probe moves all that wait and may be repeated, long before their own time is over", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const sidecar = await startQuiz([primary, backup], { health: RARELY, recovery: FOR_LONG, webhooks: { hook: SLOW } });
  // Twenty answers tell what is normal.
  for (let n = 0; n < 20; n++) await sidecar.hook();
  await primary.behave({ kind: "hang" });
  const before = primary.calls();
  const waiting = Array.from({ length: 30 }, () => sidecar.hook());
  await primary.called(before + 30);
  const probes = primary.probes();
  expect(await sidecar.event("failover")).toMatchObject({ from: "primary", to: "backup", reason: "hang" });
  expect(primary.probes()).toBeLessThanOrEqual(probes + 1);
  const answers = await Promise.all(waiting);
  expect(counted(answers)).toEqual({ ok: 30 });
  expect(counted(answers, from)).toEqual({ backup: 30 });
  for (const { ms } of answers) expect(ms).toBeLessThan(5000);
  const { durationMs } = await sidecar.event("failover");
  expect(durationMs).toBeGreaterThanOrEqual(200);
  const completed = sidecar.events.filter((event) => event.type === "request.completed").slice(-30);
  for (const { attempts, retries } of completed) {
    expect(retries).toEqual(["timeout"]);
    expect(attempts).toMatchObject([
      {
        n: 0,
        upstream: "primary",
        worth: "transient",
        reason: "timeout",
        detail: "the upstream hangs: the request moves on",
      },
      { n: 1, upstream: "backup", worth: "ok" },
    ]);
  }
  expect([sidecar.app.inFlight(), sidecar.app.heldBytes()]).toEqual([0, 0]);
});

test("a POST that may not be repeated waits on the hanging primary, and gets its answer when it wakes", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const webhooks = { hook: SLOW, once: ONCE };
  const sidecar = await startQuiz([primary, backup], { health: RARELY, recovery: FOR_LONG, webhooks });
  for (let n = 0; n < 20; n++) await sidecar.hook();
  await primary.behave({ kind: "hang" });
  const before = primary.calls();
  const [once, always] = [sidecar.hook({}, "once"), sidecar.hook()];
  await primary.called(before + 2);
  expect(from(await always)).toBe("backup");
  expect(sidecar.told()).toEqual(["failover primary > backup: hang"]);
  await backup.probed(backup.probes() + 1);
  await primary.behave(WELL);
  await primary.release();
  const answer = await once;
  expect([answer.outcome, from(answer)]).toEqual(["ok", "primary"]);
  expect(backup.calls()).toBe(1);
  // The next one finds out that traffic is elsewhere.
  expect(from(await sidecar.hook({}, "once"))).toBe("backup");
});

test("what is only waiting for a slot was not written, so it moves though it may not be repeated", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const given = { health: RARELY, recovery: FOR_LONG, webhooks: { hook: ONCE }, app: { concurrency: { max: 2 } } };
  const sidecar = await startQuiz([primary, backup], given);
  for (let n = 0; n < 20; n++) await sidecar.hook();
  await primary.behave({ kind: "hang" });
  const before = primary.calls();
  const written = [sidecar.hook(), sidecar.hook()];
  await primary.called(before + 2);
  const waiting = Array.from({ length: 5 }, () => sidecar.hook());
  const moved = await Promise.all(waiting);
  expect(counted(moved)).toEqual({ ok: 5 });
  expect(counted(moved, from)).toEqual({ backup: 5 });
  await primary.release();
  const answers = await Promise.all(written);
  expect(counted(answers, from)).toEqual({ primary: 2 });
  expect(primary.calls()).toBe(before + 2);
});

test("what waits for a slot moves, too, though those before it free theirs as they move", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const given = { health: RARELY, recovery: FOR_LONG, webhooks: { hook: SLOW }, app: { concurrency: { max: 2 } } };
  const sidecar = await startQuiz([primary, backup], given);
  for (let n = 0; n < 20; n++) await sidecar.hook();
  await primary.behave({ kind: "hang" });
  const before = primary.calls();
  const written = [sidecar.hook(), sidecar.hook()];
  await primary.called(before + 2);
  const answers = await Promise.all([...written, ...Array.from({ length: 5 }, () => sidecar.hook())]);
  expect(counted(answers)).toEqual({ ok: 7 });
  expect(counted(answers, from)).toEqual({ backup: 7 });
  expect(primary.calls()).toBe(before + 2);
  expect([sidecar.app.inFlight(), sidecar.app.heldBytes()]).toEqual([0, 0]);
});

test("with no backup that could take them, requests go on waiting where they are, through any number of failed probes", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const sidecar = await startQuiz([primary, backup], { health: HASTY, recovery: FOR_LONG, webhooks: { hook: SLOW } });
  for (let n = 0; n < 20; n++) await sidecar.hook();
  await backup.behave({ kind: "refuse" });
  await sidecar.event("upstream.down", ({ upstream }) => upstream === "backup");
  await primary.behave({ kind: "hang" });
  const before = primary.calls();
  const waiting = Array.from({ length: 5 }, () => sidecar.hook());
  await primary.called(before + 5);
  await sidecar.event("upstream.down", ({ upstream }) => upstream === "primary");
  await primary.probed(primary.probes() + 4);
  await primary.behave(WELL);
  await primary.release();
  const answers = await Promise.all(waiting);
  expect(counted(answers)).toEqual({ ok: 5 });
  expect(counted(answers, from)).toEqual({ primary: 5 });
  expect(primary.calls()).toBe(before + 5);
  expect(backup.calls()).toBe(0);
});

test("a route that takes long by nature raises no alarm beside a quick one, nor asks for probes beyond the usual", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const webhooks = { quick: { ...SLOW, path: "/quick" }, report: { ...SLOW, path: "/report" } };
  const health = { interval: "1500ms", fast_interval: "500ms" };
  const failover = { min_samples: 1000 };
  const sidecar = await startQuiz([primary, backup], { health, failover, webhooks });
  await primary.behave({ kind: "slow", ms: 600 });
  await primary.health("healthy");
  // Twenty answers of each route, all at once.
  await Promise.all(Array.from({ length: 20 }, () => sidecar.hook({}, "report")));
  const flow = startFlow((agent) => sidecar.hook({ agent }, "report"), 2);
  await flow.more(1);
  const probes = primary.probes();
  await flow.more(2);
  // So long, the probe alone could tell nothing: were it asked for, traffic would move.
  await primary.health("hang");
  await flow.more(1);
  await primary.health("healthy");
  await flow.stop();
  expect(sidecar.told()).toEqual([]);
  expect(primary.probes()).toBeLessThanOrEqual(probes + 2);
  expect(backup.calls()).toBe(0);
});
