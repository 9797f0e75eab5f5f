import { expect, test } from "vitest";
import type { MoveReason } from "../../src/core/health.ts";
import {
  counted,
  FOR_LONG,
  from,
  HASTY,
  moveText,
  RARELY,
  startFlow,
  startQuiz,
  toyApart,
  toyHere,
} from "../help/pair.ts";
import type { ToyProcess } from "../help/toy.process.ts";

/** An app loses its primary in the midst of a steady flow, and nobody who calls can tell. */

const FAULTS: readonly (readonly [string, (primary: ToyProcess) => unknown, MoveReason])[] = [
  ["is killed", (primary) => primary.kill(), "consecutive_failures"],
  ["is stopped, so that only its kernel is there", (primary) => primary.freeze(), "hang"],
  ["answers 500", (primary) => primary.behave({ kind: "status", status: 500 }), "consecutive_failures"],
];

test.each(FAULTS)("the primary %s: not one of the requests that may be repeated fails", async (_name, harm, reason) => {
  const primary = await toyApart("primary");
  const backup = await toyHere("backup");
  const sidecar = await startQuiz([primary, backup], { health: RARELY, recovery: FOR_LONG });
  const flow = startFlow((agent) => sidecar.hook({ agent }), 50);
  await flow.more(200);
  await harm(primary);
  await sidecar.event("failover");
  await flow.more(200);
  const answers = await flow.stop();
  expect(counted(answers)).toEqual({ ok: answers.length });
  expect(new Set(answers.slice(-100).map(from))).toEqual(new Set(["backup"]));
  expect(sidecar.told()).toEqual([`failover primary > backup: ${reason}`]);
  const moves = await sidecar.moves();
  expect(moves.map(moveText)).toEqual(sidecar.told());
  const { durationMs } = await sidecar.event("failover");
  expect(moves[0]?.duration_ms).toBeCloseTo(durationMs, 2);
  expect(durationMs).toBeGreaterThanOrEqual(0);
  expect(durationMs).toBeLessThan(5000);
  expect([sidecar.app.inFlight(), sidecar.app.heldBytes()]).toEqual([0, 0]);
});

test("with the breaker as it is by default, too, none fails, and who called the dead one is answered by the backup", async () => {
  const primary = await toyApart("primary");
  const backup = await toyHere("backup");
  const webhooks = { hook: { path: "/hook", retry: { repeat: "always" } } };
  const sidecar = await startQuiz([primary, backup], { health: RARELY, recovery: FOR_LONG, webhooks });
  const flow = startFlow((agent) => sidecar.hook({ agent }), 50);
  await flow.more(200);
  await primary.behave({ kind: "status", status: 500 });
  await sidecar.event("failover");
  await flow.more(100);
  await primary.kill();
  await flow.more(100);
  const answers = await flow.stop();
  expect(counted(answers)).toEqual({ ok: answers.length });
  expect(sidecar.told()).toEqual(["failover primary > backup: consecutive_failures"]);
});

test("without any traffic, probes alone find a stopped primary, and the first request goes to the backup", async () => {
  const primary = await toyApart("primary");
  const backup = await toyHere("backup");
  const sidecar = await startQuiz([primary, backup], { health: HASTY, recovery: FOR_LONG });
  await primary.probed(2);
  primary.freeze();
  expect(await sidecar.event("failover")).toMatchObject({ from: "primary", to: "backup", reason: "probe" });
  expect(await sidecar.event("upstream.down")).toMatchObject({ upstream: "primary", alert: false });
  expect(from(await sidecar.hook())).toBe("backup");
  // The third failure in a row is told once more, for those who are to be woken, and no other is.
  await sidecar.event("upstream.down", ({ alert }) => alert);
  await backup.probed(backup.probes() + 3);
  const down = sidecar.events.filter(({ type }) => type === "upstream.down");
  expect(down).toMatchObject([
    { alert: false, consecutiveFailures: 2 },
    { alert: true, consecutiveFailures: 3 },
  ]);
});
