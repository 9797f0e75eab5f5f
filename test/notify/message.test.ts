import { expect, test } from "vitest";
import { eventRecord } from "../../src/core/event.record.ts";
import { EVENT_TYPES, type OutriggerEvent } from "../../src/core/events.ts";
import { messageOf } from "../../src/notify/message.ts";
import { plainLine } from "../../src/notify/plain.ts";
import { mailText } from "../../src/notify/render/mail.ts";
import { breakerMoved, fallbackUsed, upstreamMoved } from "../help/events.ts";

const AT = 1_767_225_600_000;
const messageFor = (event: OutriggerEvent, more: object = {}) =>
  messageOf("n1", { ...eventRecord(event), ...more }, "https://o.example");

const about = {
  at: AT,
  app: "quiz",
  capability: "winner",
  id: "019b76da-a800-7000-8000-000000000001",
  requestId: "r1",
};

test.each<[string, OutriggerEvent, { title: string; command: string | null; severity: string }]>([
  [
    "a breaker that opened",
    breakerMoved(),
    {
      title: "quiz/winner: breaker opened on primary",
      command: "outrigger breaker show quiz winner",
      severity: "critical",
    },
  ],
  [
    "one that opened only in a dry run",
    breakerMoved({ dryRun: true }),
    {
      title: "quiz/winner: breaker opened on primary (dry run)",
      command: "outrigger breaker show quiz winner",
      severity: "info",
    },
  ],
  [
    "one that closed",
    breakerMoved({ type: "breaker.closed", cause: "recovered", until: null }),
    {
      title: "quiz/winner: breaker closed on primary",
      command: "outrigger breaker show quiz winner",
      severity: "good",
    },
  ],
  [
    "a failback",
    upstreamMoved({ type: "failback", from: "backup", to: "primary" }),
    { title: "quiz: failback from backup to primary", command: "outrigger failover show quiz", severity: "good" },
  ],
  [
    "a failover to nowhere",
    upstreamMoved({ to: null }),
    { title: "quiz: failover from primary to nowhere", command: "outrigger failover show quiz", severity: "critical" },
  ],
  [
    "a dead letter",
    { type: "dlq.added", ...about, reason: "attempts_exhausted", detail: "the app answered 500", sends: 3 },
    {
      title: "quiz/winner: a delivery is dead (attempts exhausted)",
      command: `outrigger dlq show ${about.id}`,
      severity: "critical",
    },
  ],
  [
    "a manifest that was rejected",
    { type: "manifest.rejected", at: AT, by: "file", problems: ["a.yaml:1:1 apps: wrong"] },
    { title: "A manifest was rejected", command: "outrigger check", severity: "critical" },
  ],
  [
    "a spool that is full",
    { type: "spool.full", at: AT, level: "full", bound: "jobs", jobs: 9, maxJobs: 9, bytes: 1, maxBytes: 2, dead: 0 },
    { title: "The spool is full", command: "outrigger status", severity: "critical" },
  ],
  [
    "storage that fails",
    { type: "storage.failing", at: AT, store: "spool", detail: "disk I/O error" },
    { title: "Storage is failing: spool", command: "outrigger status", severity: "critical" },
  ],
])("%s is told with its title, its command and how bad it is", (_what, event, expected) => {
  const message = messageFor(event);
  expect(message).toMatchObject({ ...expected, link: "https://o.example/#/notifications/n1" });
  expect(message.sentences).toHaveLength(3);
  expect(message.sentences[0]).toContain("Since 2026-01-01T00:00:00.000Z.");
});

test("every event has sentences that are whole, whatever its record lacks", () => {
  for (const type of [...EVENT_TYPES, "notifications.held_back", "notifications.test"]) {
    const { title, sentences } = messageOf("n1", { type, at: "2026-01-01T00:00:00.000Z" }, null);
    expect([type, title]).not.toContain("");
    for (const sentence of sentences) {
      expect(sentence).toMatch(/[.:]$/);
      expect(sentence).not.toMatch(/undefined|null|NaN|\[object/);
    }
  }
});

test("a count and the room of fallbacks are in the words, so that an organizer knows which room", () => {
  const message = messageFor(fallbackUsed({ labels: { room: "42" } }), { count: 7 });
  expect(message).toMatchObject({ title: "quiz/winner: fallback used 7 times (timeout)", room: "42" });
});

test("a command is never made of words that a shell might take for more", () => {
  expect(messageFor(breakerMoved({ app: "quiz; rm -rf /" })).command).toBeNull();
  expect(messageFor(breakerMoved({ app: "--yes" })).command).toBeNull();
});

test("text of others becomes one line without controls, escapes and marks that turn directions", () => {
  expect(plainLine("a\r\nBcc: x\u001b[31m\u0007 \u202eb\u200b\ud800 \u2028c\u0000")).toBe("a Bcc: x [31m b\ufffd c");
  expect(plainLine("é".repeat(50), 10)).toBe(`${"é".repeat(9)}…`);
});

test("in HTML nothing of others is markup, and a subject is one line", () => {
  const event = {
    type: "storage.failing",
    at: AT,
    store: "<b>\r\nBcc: x@y.example",
    detail: `"><script>alert('1')</script>&`,
  } as const;
  const { subject, html } = mailText(messageFor(event));
  expect(subject).toBe("[outrigger] Storage is failing: <b> Bcc: x@y.example");
  expect(html).not.toMatch(/<script|<b>/);
  expect(html).toContain("&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;");
});
