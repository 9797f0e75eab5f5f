import { expect, test } from "vitest";
import { compileRules } from "../../src/notify/rules.ts";

test("an event goes to the channels of every rule that names it, once each, in the order of the rules", () => {
  const hearers = compileRules([
    { on: ["failover", "failback"], apps: null, to: ["chat", "hook"] },
    { on: ["failover"], apps: null, to: ["page", "chat"] },
  ]);
  expect(hearers("failover", "quiz")).toEqual(["chat", "hook", "page"]);
  expect(hearers("failback", "quiz")).toEqual(["chat", "hook"]);
  expect(hearers("breaker.opened", "quiz")).toEqual([]);
});

test("a rule for apps hears of these only, and of nothing that is about no app", () => {
  const hearers = compileRules([{ on: ["failover", "redis.lost"], apps: ["quiz"], to: ["chat"] }]);
  expect(hearers("failover", "quiz")).toEqual(["chat"]);
  expect(hearers("failover", "shop")).toEqual([]);
  expect(hearers("redis.lost", null)).toEqual([]);
  expect(compileRules([{ on: ["redis.lost"], apps: null, to: ["chat"] }])("redis.lost", null)).toEqual(["chat"]);
});

test("alert stands for an alert that fires and one that ends", () => {
  const hearers = compileRules([{ on: ["alert", "alert.firing"], apps: null, to: ["chat"] }]);
  expect(hearers("alert.firing", "quiz")).toEqual(["chat"]);
  expect(hearers("alert.resolved", null)).toEqual(["chat"]);
});
