import { expect } from "vitest";
import {
  beside,
  counted,
  from,
  moveText,
  PATIENT,
  type QuizSidecar,
  startFlow,
  startQuiz,
  toyHere,
} from "../help/pair.ts";
import { type Toy, WELL } from "../help/toy.ts";

/** Both upstreams are down: callers have their fallback, what was accepted waits, and all of it arrives in the end. */

const FALLBACK = { strategy: "static", body: { from: "fallback" } };

async function bothDown(sidecar: QuizSidecar, toys: readonly Toy[]): Promise<void> {
  for (const toy of toys) {
    await toy.behave({ kind: "refuse" });
    await sidecar.event("upstream.down", ({ upstream }) => upstream === toy.name);
  }
}

beside("once their breakers are open, the fallback answers at once and nothing is sent", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const hook = { ...PATIENT, breaker: { failures: 3 }, retry: { repeat: "always", attempts: 1 }, fallback: FALLBACK };
  const sidecar = await startQuiz([primary, backup], { webhooks: { hook } });
  await bothDown(sidecar, [primary, backup]);
  expect(await sidecar.failover()).toMatchObject({ active: null, panic: true });
  const flow = startFlow((agent) => sidecar.hook({ agent }), 5);
  for (const toy of [primary, backup]) await sidecar.event("breaker.opened", ({ upstream }) => upstream === toy.name);
  await flow.more(20);
  const answers = await flow.stop();
  expect(new Set(answers.map(from))).toEqual(new Set(["fallback"]));
  for (const toy of [primary, backup]) await toy.behave({ kind: "hang" });
  const late = await Promise.all(Array.from({ length: 20 }, () => sidecar.hook()));
  expect(counted(late)).toEqual({ "fallback;reason=no_upstream;strategy=static": 20 });
  expect([primary.calls(), backup.calls()]).toEqual([0, 0]);
  const moves = ["failover primary > backup: probe", "failover backup > null: probe"];
  expect((await sidecar.moves()).map(moveText)).toEqual(moves);
});

beside("panic: where none is well, one that answers all the same is good enough", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const sidecar = await startQuiz([primary, backup]);
  for (const toy of [primary, backup]) await toy.health("unhealthy");
  for (const { name } of [primary, backup]) await sidecar.event("upstream.down", ({ upstream }) => upstream === name);
  const answers = await Promise.all(Array.from({ length: 10 }, () => sidecar.hook()));
  expect(counted(answers)).toEqual({ ok: 10 });
});

beside(
  "both are killed under load: every request has an answer, the last ones from the first that is back",
  async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const hook = { ...PATIENT, breaker: { failures: 3, recovery: "100ms", recovery_max: "100ms" }, fallback: FALLBACK };
    const sidecar = await startQuiz([primary, backup], { webhooks: { hook } });
    const flow = startFlow((agent) => sidecar.hook({ agent }), 20);
    await flow.more(100);
    await Promise.all([primary, backup].map((toy) => toy.behave({ kind: "refuse" })));
    for (const { name } of [primary, backup]) await sidecar.event("upstream.down", ({ upstream }) => upstream === name);
    await backup.behave(WELL);
    await sidecar.event("upstream.up", ({ upstream }) => upstream === "backup");
    await backup.called(backup.calls() + 50);
    const answers = await flow.stop();
    for (const { status } of answers) expect(status).toBe(200);
    expect(new Set(answers.slice(-10).map(from))).toEqual(new Set(["backup"]));
    expect([sidecar.app.inFlight(), sidecar.app.heldBytes()]).toEqual([0, 0]);
  },
);

interface Job {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly sends: number;
}

beside(
  "accepted jobs wait without spending an attempt, through panic and parking, and arrive when one is back",
  async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const later = {
      path: "/later",
      mode: "async",
      retry: { attempts: 2, initial: "20ms", max: "20ms" },
      breaker: { failures: 5, recovery: "100ms", recovery_max: "100ms", successes: 1 },
    };
    const sidecar = await startQuiz([primary, backup], { webhooks: { later } });
    await bothDown(sidecar, [primary, backup]);
    const count = 30;
    for (let n = 0; n < count; n++) expect((await sidecar.hook({}, "later")).status).toBe(202);
    await sidecar.event("route.parked", ({ cause }) => cause === "breaker_open");
    // Each reopening is a trial that failed.
    let trials = 0;
    await sidecar.event("breaker.opened", ({ cause }) => cause === "probe_failed" && ++trials === 6);
    const waiting = (await sidecar.admin<{ items: Job[] }>("/deliveries?limit=100")).items;
    expect(waiting).toHaveLength(count);
    for (const { attempts } of waiting) expect(attempts).toBe(0);
    expect(Math.max(...waiting.map(({ sends }) => sends))).toBeGreaterThan(2);
    expect(sidecar.events.filter(({ type }) => type === "dlq.added")).toEqual([]);

    await backup.behave(WELL);
    await backup.called(count);
    for (const { id } of waiting) await sidecar.event("delivery.delivered", (event) => event.id === id);
    expect(backup.calls()).toBe(count);
    const sends = new Map<string, number>();
    for (const { headers } of backup.seen.filter(({ probe }) => !probe)) {
      sends.set(String(headers["x-request-id"]), Number(headers["x-retry-attempt"]));
      expect(headers["x-max-attempts"]).toBe("2");
    }
    const done = (await sidecar.admin<{ items: Job[] }>("/deliveries?limit=100")).items;
    for (const { id, state, sends: all } of done) {
      expect(state).toBe("delivered");
      // Counted from 0, every send among them, though none of those before spent anything.
      expect(sends.get(id)).toBe(all - 1);
    }
  },
);
