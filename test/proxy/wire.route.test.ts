import { expect, test } from "vitest";
import { checkGuarded, guard } from "../../src/proxy/wire.route.ts";

const refusedOf = (headers: readonly string[], read: readonly string[], written: readonly string[] = []) =>
  checkGuarded(headers, guard(read, written))?.status ?? null;

test("a route that chooses by Upgrade still takes a WebSocket, whose Connection names it", () => {
  expect(refusedOf(["Connection", "keep-alive, Upgrade", "Upgrade", "websocket"], ["upgrade", "close"])).toBeNull();
  expect(refusedOf(["Connection", "Upgrade, close, X-Tier"], ["upgrade", "close", "x-tier"])).toBe(400);
});

test("a header that is read by a name with an underscore has twins, too", () => {
  expect(refusedOf(["X_Sum", "1", "X_Other", "2"], ["x_sum"])).toBeNull();
  expect(refusedOf(["X_Sum", "1", "X-Sum", "2"], ["x_sum"])).toBe(400);
  expect(refusedOf(["X_Sum_A", "1", "X-Sum_A", "2"], ["x-sum_a"])).toBe(400);
  expect(refusedOf(["Connection", "x_sum"], ["x_sum"])).toBe(400);
});

test("what a route sets may be named by Connection, since its own copy goes out anyway", () => {
  expect(refusedOf(["Connection", "X-Env", "X-Env", "test"], [], ["x-env"])).toBeNull();
});

test("routes that guard nothing of their own share one value", () => {
  expect(guard([], [])).toBe(guard(["upgrade", "proxy-authorization"], ["x_zone"]));
});
