import { expect, test } from "vitest";
import { eventApp, eventLabel, eventRecord, timeText } from "../../src/core/event.record.ts";
import {
  attemptOf,
  breakerMoved,
  fallbackUsed,
  requestCompleted,
  upstreamHealth,
  upstreamMoved,
} from "../help/events.ts";

test("a completed request leaves as a flat record with snake_case names, times as text and durations in milliseconds", () => {
  const event = requestCompleted({
    outcome: "fallback",
    reason: "timeout",
    strategy: "random_pick",
    durationMs: 1000.12349,
    attempts: [attemptOf({ worth: "transient", reason: "timeout", status: 0, detail: "no answer in time" })],
    retries: ["reset"],
    denied: "deadline",
    labels: { room: "42" },
  });
  expect(eventRecord(event)).toEqual({
    type: "request.completed",
    at: "2026-01-01T00:00:00.000Z",
    app: "quiz",
    capability: "winner",
    mode: "sync",
    id: "request-1",
    method: "POST",
    outcome: "fallback",
    reason: "timeout",
    strategy: "random_pick",
    status: 200,
    duration_ms: 1000.123,
    overhead_ms: 0.2,
    attempts: [
      {
        n: 0,
        upstream: "primary",
        worth: "transient",
        reason: "timeout",
        duration_ms: 4,
        detail: "no answer in time",
      },
    ],
    retries: ["reset"],
    denied: "deadline",
    labels: { room: "42" },
  });
});

test("a request that was refused before a route was known names none", () => {
  const route = { app: "", capability: "", key: "/", mode: "sync" } as const;
  const record = eventRecord(requestCompleted({ route, outcome: "rejected" }));
  expect(record).toMatchObject({ type: "request.completed", outcome: "rejected" });
  for (const name of ["app", "capability", "mode"]) expect(record).not.toHaveProperty(name);
});

test("other events keep their fields, and lose those that are unknown", () => {
  expect(eventRecord(breakerMoved())).toEqual({
    type: "breaker.opened",
    at: "2026-01-01T00:00:00.000Z",
    app: "quiz",
    capability: "winner",
    upstream: "primary",
    until: "2026-01-01T00:01:00.000Z",
    cause: "failures",
    dry_run: false,
  });
  expect(eventRecord(breakerMoved({ until: null }))).not.toHaveProperty("until");
  expect(eventRecord(fallbackUsed({ labels: { roomName: "A" } }))).toMatchObject({
    app: "quiz",
    capability: "winner",
    mode: "sync",
    labels: { roomName: "A" },
  });
});

test("a move of traffic says from where, to where and why, and lacks what there was not", () => {
  expect(eventRecord(upstreamMoved({ by: "ops", reason: "operator" }))).toEqual({
    type: "failover",
    at: "2026-01-01T00:00:00.000Z",
    app: "quiz",
    from: "primary",
    to: "backup",
    reason: "operator",
    by: "ops",
    duration_ms: 812.346,
  });
  const record = eventRecord(upstreamMoved({ type: "failback", from: null }));
  expect(record).toMatchObject({ type: "failback", to: "backup" });
  for (const name of ["from", "by"]) expect(record).not.toHaveProperty(name);
});

test("a change of health says which upstream, how it stands and since how many failures", () => {
  expect(eventRecord(upstreamHealth())).toEqual({
    type: "upstream.down",
    at: "2026-01-01T00:00:00.000Z",
    app: "quiz",
    upstream: "primary",
    url: "http://10.0.0.5:9000",
    status: "unhealthy",
    consecutive_failures: 3,
    alert: true,
    detail: "connection failed: ECONNREFUSED",
  });
  expect(eventApp(upstreamHealth())).toBe("quiz");
});

test("an event says its app and its labels, where it has them", () => {
  expect(eventApp(requestCompleted())).toBe("quiz");
  expect(eventApp(breakerMoved({ app: "shop" }))).toBe("shop");
  expect(eventApp({ type: "redis.lost", at: 0, detail: "", durationMs: 0 })).toBeNull();
  expect(eventLabel(requestCompleted({ labels: { room: "7" } }), "room")).toBe("7");
  expect(eventLabel(requestCompleted(), "room")).toBeNull();
  expect(eventLabel(requestCompleted(), "constructor")).toBeNull();
  expect(eventLabel({ type: "redis.back", at: 0, detail: "", durationMs: 0 }, "room")).toBeNull();
});

test("a number that is no time is no crash", () => {
  expect(timeText(Number.NaN)).toBe("1970-01-01T00:00:00.000Z");
});
