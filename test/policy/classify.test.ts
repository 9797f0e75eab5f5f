import fc from "fast-check";
import { expect, test } from "vitest";
import type { Worth } from "../../src/core/exchange.ts";
import { fault } from "../../src/core/fault.ts";
import type { WorthCode } from "../../src/core/settings.route.ts";
import { type Classifier, compileClassifier, createClassifiers } from "../../src/policy/classify.ts";
import { createAnswer } from "../help/exchange.ts";

const TRANSIENT: readonly WorthCode[] = [408, 425, 429, "5xx", "timeout", "network", "invalid_response"];
const PERMANENT: readonly WorthCode[] = ["4xx", 501, 505, "authentication_failed"];
const lists = (transient: readonly WorthCode[], permanent: readonly WorthCode[]): Classifier =>
  compileClassifier({ transient, permanent }, [{ from: 200, to: 399 }]);
const byDefault = lists(TRANSIENT, PERMANENT);
const worth = (c: Classifier, status: number): Worth => c.ofStatus(status, false).worth;

test("by default 2xx and 3xx are ok, 5xx and the waiting kinds of 4xx transient, the rest permanent", () => {
  const of = (statuses: readonly number[]): Worth[] => [...new Set(statuses.map((s) => worth(byDefault, s)))];
  expect(of([200, 201, 204, 299, 301, 304, 399])).toEqual(["ok"]);
  expect(of([408, 425, 500, 502, 503, 504, 599])).toEqual(["transient"]);
  expect(of([400, 401, 403, 404, 409, 410, 422, 499, 501, 505])).toEqual(["permanent"]);
});

test("a code beats a class, in both directions", () => {
  const c = lists([404, "5xx"], ["4xx", 503]);
  expect([404, 403, 503, 500].map((s) => worth(c, s))).toEqual(["transient", "permanent", "permanent", "transient"]);
});

test("a code in both lists is transient, and a class in both is too", () => {
  expect(worth(lists([409, "4xx"], [409, "4xx"]), 409)).toBe("transient");
  expect(worth(lists([409, "4xx"], [409, "4xx"]), 410)).toBe("transient");
});

test("what no list names is permanent from 400 on, also beyond 599", () => {
  const c = lists([], []);
  expect([400, 429, 500, 503, 599, 600, 999].map((s) => worth(c, s))).toEqual(Array(7).fill("permanent"));
});

test("a listed success is what the list says, since the lists are read first", () => {
  const c = lists([202], ["3xx"]);
  expect([200, 202, 302].map((s) => worth(c, s))).toEqual(["ok", "transient", "permanent"]);
});

test("a success outside response.status is an invalid response", () => {
  const c = compileClassifier({ transient: TRANSIENT, permanent: PERMANENT }, [
    { from: 200, to: 200 },
    { from: 204, to: 206 },
  ]);
  expect([200, 204, 206].map((s) => c.ofStatus(s, false).reason)).toEqual([null, null, null]);
  const invalid = { worth: "transient", reason: "invalid_response" };
  expect([201, 203, 302].map((s) => c.ofStatus(s, false))).toEqual([invalid, invalid, invalid]);
});

test("429 asks to wait with or without Retry-After, 503 only with one", () => {
  expect(byDefault.ofStatus(429, false).worth).toBe("push_back");
  expect(byDefault.ofStatus(429, true).worth).toBe("push_back");
  expect(byDefault.ofStatus(503, true).worth).toBe("push_back");
  expect(byDefault.ofStatus(503, false).worth).toBe("transient");
  expect(byDefault.ofStatus(500, true).worth).toBe("transient");
});

test("a 429 or 503 that the manifest calls permanent is passed on", () => {
  const c = lists(["5xx"], [429, 503]);
  expect([c.ofStatus(429, true).worth, c.ofStatus(503, true).worth]).toEqual(["permanent", "permanent"]);
});

test("time and network faults are transient while their word is listed", () => {
  expect((["timeout", "connect", "dns", "tls", "reset", "invalid_response"] as const).map(byDefault.ofFault)).toEqual(
    Array(6).fill("transient"),
  );
  const onlyNetwork = lists(["network"], []);
  expect(onlyNetwork.ofFault("reset")).toBe("transient");
  expect(onlyNetwork.ofFault("timeout")).toBe("permanent");
  expect(onlyNetwork.invalidResponse).toEqual({ worth: "permanent", reason: "invalid_response" });
});

test("what we refused ourselves says nothing of the app", () => {
  expect((["breaker_open", "no_upstream", "overload", "deadline", "egress"] as const).map(byDefault.ofFault)).toEqual(
    Array(5).fill("ignored"),
  );
});

test("of a reply: an answer is worth what was judged, a caller who left nothing", () => {
  expect(byDefault.ofReply(createAnswer({ worth: "push_back" }))).toBe("push_back");
  expect(byDefault.ofReply(fault("reset", "gone", { aborted: true }))).toBe("ignored");
  expect(byDefault.ofReply(fault("timeout", "late"))).toBe("transient");
  const substitute = { kind: "substitute", strategy: "static", reason: "timeout", status: 200, headers: [] } as const;
  expect(byDefault.ofReply({ ...substitute, cause: fault("timeout", "late"), body: Buffer.alloc(0) })).toBe("ignored");
});

test("an envelope's failure is transient if it says so, else permanent", () => {
  expect(byDefault.ofEnvelope("quiz_busy", true, 200, false).worth).toBe("transient");
  expect(byDefault.ofEnvelope("quiz_over", false, 200, false).worth).toBe("permanent");
});

test("an error code that a list names decides over the flag and over the class of the status", () => {
  expect(byDefault.ofEnvelope("authentication_failed", true, 200, false).worth).toBe("permanent");
  expect(byDefault.ofEnvelope("authentication_failed", true, 500, false).worth).toBe("permanent");
  const c = lists(["try_later", 500], ["4xx", 403, "broken"]);
  expect(c.ofEnvelope("try_later", false, 409, false).worth).toBe("transient");
  expect(c.ofEnvelope("try_later", false, 403, false).worth).toBe("permanent");
  expect(c.ofEnvelope("broken", false, 500, false).worth).toBe("transient");
});

test("without a listed code the status of 400 and above decides, not the flag", () => {
  expect(byDefault.ofEnvelope("x", true, 422, false).worth).toBe("permanent");
  expect(byDefault.ofEnvelope("x", false, 500, false).worth).toBe("transient");
  expect(byDefault.ofEnvelope("x", false, 503, true).worth).toBe("push_back");
});

test("an error code that reads like a kind of failure is only an error code", () => {
  expect(byDefault.ofEnvelope("timeout", false, 200, false).worth).toBe("permanent");
  expect(byDefault.ofEnvelope("5xx", false, 200, false).worth).toBe("permanent");
});

test("the table says for every status what the rules say one by one", () => {
  const code: fc.Arbitrary<WorthCode> = fc.oneof(
    fc.integer({ min: 200, max: 599 }),
    fc.constantFrom("2xx", "3xx", "4xx", "5xx"),
  );
  const range = fc.tuple(fc.integer({ min: 200, max: 399 }), fc.integer({ min: 200, max: 399 }));
  fc.assert(
    fc.property(fc.array(code), fc.array(code), range, fc.integer({ min: 200, max: 599 }), (t, p, [a, b], status) => {
      const c = compileClassifier({ transient: [...t, "invalid_response"], permanent: p }, [
        { from: Math.min(a, b), to: Math.max(a, b) },
      ]);
      const cls: WorthCode = `${String(status)[0]}xx`;
      const ok = status >= Math.min(a, b) && status <= Math.max(a, b);
      let expected: Worth = ok ? "ok" : "transient";
      if (t.includes(status)) expected = "transient";
      else if (p.includes(status)) expected = "permanent";
      else if (t.includes(cls)) expected = "transient";
      else if (p.includes(cls) || status >= 400) expected = "permanent";
      if (expected === "transient" && status === 429) expected = "push_back";
      expect(c.ofStatus(status, false).worth).toBe(expected);
    }),
  );
});

test("routes that say the same of results share one classifier, however many they are", () => {
  const classify = createClassifiers();
  const of = (status: number, permanent: readonly WorthCode[] = PERMANENT) =>
    classify({ transient: [...TRANSIENT], permanent }, [{ from: 200, to: status }]);
  expect(new Set(Array.from({ length: 1000 }, () => of(399))).size).toBe(1);
  expect(of(299)).not.toBe(of(399));
  expect(of(399, [404])).not.toBe(of(399));
});
