import { expect, test } from "vitest";
import { call } from "../help/call.ts";
import { counted, die, FOR_LONG, from, moveText, startFlow, startQuiz, toyHere } from "../help/pair.ts";
import { WELL } from "../help/toy.ts";

/** Where traffic goes when an operator says so, and when several share it. */

test("an operator switches the traffic and lets go of it again, and no request notices", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const sidecar = await startQuiz([primary, backup]);
  const flow = startFlow((agent) => sidecar.hook({ agent }), 10);
  await flow.more(50);
  await sidecar.admin("/failover/quiz/switch", { to: "backup" });
  // Those that were under way are answered where they were sent.
  await flow.more(10);
  const calls = primary.calls();
  await flow.more(50);
  expect(primary.calls()).toBe(calls);
  await sidecar.admin("/failover/quiz/release", {});
  await flow.more(50);
  const answers = await flow.stop();
  expect(counted(answers)).toEqual({ ok: answers.length });
  expect(from(await sidecar.hook())).toBe("primary");
  expect((await sidecar.moves()).map((move) => [moveText(move), move.by])).toEqual([
    ["failover primary > backup: operator", "ops"],
    ["failback backup > primary: operator", "ops"],
  ]);
  const refused = await call(`${sidecar.adminUrl}/api/v1/admin/failover/quiz/switch`, { body: "{}" });
  expect(refused.status).toBe(401);
});

test("a pinned upstream that dies keeps no traffic, and has it again when it is well", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const sidecar = await startQuiz([primary, backup], { recovery: { successes: 3 } });
  await sidecar.admin("/failover/quiz/switch", { to: "backup" });
  const flow = startFlow((agent) => sidecar.hook({ agent }), 10);
  await flow.more(100);
  await die(sidecar, backup);
  await flow.more(50);
  expect(from(await sidecar.hook())).toBe("primary");
  await backup.behave(WELL);
  await sidecar.event("failback");
  await flow.more(50);
  const answers = await flow.stop();
  expect(counted(answers)).toEqual({ ok: answers.length });
  expect(from(await sidecar.hook())).toBe("backup");
  expect(sidecar.told()).toEqual([
    "failover primary > backup: operator",
    "failover backup > primary: consecutive_failures",
    "failback primary > backup: recovered",
  ]);
});

test("an operator knows better: what is away serves when it is pinned", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const sidecar = await startQuiz([primary, backup], { recovery: FOR_LONG });
  await primary.behave({ kind: "refuse" });
  await sidecar.event("failover");
  await primary.behave(WELL);
  expect(from(await sidecar.hook())).toBe("backup");
  await sidecar.admin("/failover/quiz/switch", { to: "primary" });
  expect(from(await sidecar.hook())).toBe("primary");
  await primary.probed(primary.probes() + 3);
  expect(from(await sidecar.hook())).toBe("primary");
  expect(sidecar.told().slice(1)).toEqual(["failback backup > primary: operator"]);
});

test("two of one priority share the load by weight; one dies, and the other takes all of it", async () => {
  const [big, small] = [await toyHere("big"), await toyHere("small")];
  const upstreams = [
    { priority: 0, weight: 3 },
    { priority: 0, weight: 1 },
  ];
  const sidecar = await startQuiz([big, small], { upstreams });
  const flow = startFlow((agent) => sidecar.hook({ agent }), 10);
  await flow.more(400);
  // Of 400 at 3 to 1, 100 go to the small one; three standard deviations are 26, and this is twice that.
  const share = (small.calls() * 400) / (small.calls() + big.calls());
  expect(share).toBeGreaterThan(48);
  expect(share).toBeLessThan(152);
  await die(sidecar, big);
  await flow.more(20);
  const after = flow.answers.length;
  await flow.more(50);
  expect(counted(flow.answers.slice(after), from)).toEqual({ small: flow.answers.length - after });
  await big.behave(WELL);
  await sidecar.event("failback");
  await big.called(big.calls() + 50);
  const answers = await flow.stop();
  expect(counted(answers)).toEqual({ ok: answers.length });
  expect(sidecar.told()).toHaveLength(2);
  expect(sidecar.told()[0]).toBe("failover big > small: consecutive_failures");
});
