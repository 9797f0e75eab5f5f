import { expect, test } from "vitest";
import { fault } from "../../src/core/fault.ts";
import { leavesDoubt } from "../../src/policy/fallback/later.ts";
import { pendingApproval } from "../../src/policy/fallback/pending_approval.ts";
import { spoolIt } from "../../src/policy/fallback/spool.ts";
import { fallingBack } from "../../src/policy/fallback.ts";
import { attemptOf } from "../help/events.ts";
import { createExchange } from "../help/exchange.ts";
import { createLater } from "../help/later.ts";
import { createManualClock } from "../help/manual-clock.ts";

const CAUSE = fault("timeout", "late");
const json = Buffer.from('{"name":"Ada"}');

test("spool leaves the request behind and answers as an async route would", async () => {
  const later = createLater(() => "d7");
  const x = createExchange();
  const answer = await spoolIt(later).answer(x, CAUSE);
  expect(answer).toMatchObject({ status: 202, delivery: "d7" });
  expect(answer?.headers).toEqual(["Content-Type", "application/json", "Location", "/.outrigger/deliveries/d7"]);
  expect(answer?.body.toString()).toBe('{"id":"d7","status":"queued","duplicate":false}');
  expect(later.kept).toEqual([x]);
});

test("pending_approval says that the matter is open, and leaves the request behind", async () => {
  const later = createLater(() => "d8");
  const strategy = pendingApproval({ strategy: "pending_approval", status: 202, body: null }, later);
  const answer = await strategy.answer(createExchange(), CAUSE);
  expect(answer?.status).toBe(202);
  expect(answer?.body.toString()).toBe('{"success":true,"data":{"status":"pending_approval"}}');
  expect(answer?.headers).toEqual(["Content-Type", "application/json", "Location", "/.outrigger/deliveries/d8"]);
  expect(later.kept).toHaveLength(1);
});

test("pending_approval answers with another body and status where they are given", async () => {
  const later = createLater();
  const x = createExchange({ body: json });
  const own = pendingApproval({ strategy: "pending_approval", status: 200, body: { wait: "{body:/name}" } }, later);
  expect((await own.answer(x, CAUSE))?.body.toString()).toBe('{"wait":"Ada"}');
  const plain = pendingApproval({ strategy: "pending_approval", status: 200, body: "wait, {body:/name}" }, later);
  const answer = await plain.answer(x, CAUSE);
  expect([answer?.body.toString(), answer?.headers[1]]).toEqual(["wait, Ada", "text/plain; charset=utf-8"]);
});

test("neither promises what the spool could not keep", async () => {
  const later = createLater(() => null);
  expect(await spoolIt(later).answer(createExchange(), CAUSE)).toBeNull();
  const pending = pendingApproval({ strategy: "pending_approval", status: 202, body: null }, later);
  expect(await pending.answer(createExchange(), CAUSE)).toBeNull();
});

test("a spool that is too slow costs the caller nothing: the error goes on, and what was kept late is taken back", async () => {
  const clock = createManualClock();
  let keep: (id: string) => void = () => {};
  const later = createLater(() => new Promise((resolve) => (keep = resolve)));
  const send = fallingBack([spoolIt(later)], clock)(async () => CAUSE);
  const reply = send(createExchange());
  await Promise.resolve();
  await Promise.resolve();
  clock.advance(300);
  expect(await reply).toBe(CAUSE);
  keep("d9");
  await expect.poll(() => later.cancelled).toEqual(["d9"]);
});

test.each([
  ["timeout", 0, true],
  ["reset", 0, true],
  ["connect", 0, false],
  ["dns", 0, false],
  ["status", 500, false],
] as const)("after %s with status %i it is in doubt: %s", (reason, status, doubt) => {
  const attempts = [attemptOf({ worth: "transient", reason, status })];
  expect(leavesDoubt(createExchange({ attempts }))).toBe(doubt);
});
