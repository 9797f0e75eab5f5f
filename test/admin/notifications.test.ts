import { expect, test } from "vitest";
import { notificationsCommand } from "../../src/cli/notifications.ts";
import { notifyCommand } from "../../src/cli/notify.ts";
import { runCli } from "../../src/cli/program.ts";
import { api, apiAsViewer, OPERATOR, startAdmin, type TestAdmin } from "../help/admin.ts";
import { createIo } from "../help/io.ts";
import { notification, testNotifications } from "../help/notifications.ts";

/** Notifications through the admin API, and by the commands that use it. */

const delivery = {
  channel: "chat",
  state: "failed",
  attempts: 3,
  detail: "answered 403",
  at: 1_767_225_600_000,
} as const;
const start = (): Promise<TestAdmin> =>
  startAdmin({
    notifications: testNotifications([
      notification({ id: "n2", room: "42", type: "fallback.used", deliveries: [delivery] }),
      notification({ id: "n1", readAt: 1_767_225_660_000, readBy: "ops" }),
    ]),
  });

async function run(admin: TestAdmin, line: string) {
  const io = createIo({ env: { OUTRIGGER_ADMIN: admin.url, OUTRIGGER_ADMIN_TOKEN: OPERATOR } });
  const code = await runCli(line.split(" "), io, [notificationsCommand, notifyCommand]);
  return { code, out: io.out(), err: io.err() };
}

test("they are listed with what became of each, by room and by whether somebody read them", async () => {
  const admin = await start();
  const { body } = await api(admin, "/notifications?room=42");
  expect(body).toMatchObject({
    items: [
      {
        id: "n2",
        at: "2026-01-01T00:00:00.000Z",
        severity: "critical",
        room: "42",
        read_at: null,
        deliveries: [{ channel: "chat", state: "failed", attempts: 3, detail: "answered 403" }],
      },
    ],
  });
  expect((await apiAsViewer(admin, "/notifications?unread=true&app=quiz")).body.items).toHaveLength(1);
  expect(await api(admin, "/notifications?unread=perhaps")).toMatchObject({ status: 400 });
  expect(await api(admin, "/notifications?cursor=x")).toMatchObject({ status: 400 });
});

test("an operator says that one is read, and is remembered; a viewer may not, and what is not there is said", async () => {
  const admin = await start();
  expect(await api(admin, "/notifications/n2/read", {})).toMatchObject({ status: 200, body: { read_by: "ops" } });
  expect(await apiAsViewer(admin, "/notifications/n2/read", "POST")).toMatchObject({ status: 403 });
  expect(await api(admin, "/notifications/n3/read", {})).toMatchObject({ status: 404 });
});

test("one is shown by its id, as the link in a message names it, to viewers too, and is not read by that", async () => {
  const admin = await start();
  expect(await apiAsViewer(admin, "/notifications/n2")).toMatchObject({
    status: 200,
    body: { id: "n2", room: "42", read_at: null, deliveries: [{ state: "failed" }] },
  });
  expect(await api(admin, "/notifications/n9")).toMatchObject({ status: 404 });
});

test("a history that is away is said, and is no bug", async () => {
  const away = () => Promise.reject(new Error("closed"));
  const admin = await startAdmin({ notifications: { ...testNotifications(), list: away, find: away, read: away } });
  expect(await api(admin, "/notifications")).toMatchObject({ status: 503 });
  expect(await api(admin, "/notifications/n1")).toMatchObject({ status: 503 });
  expect(await api(admin, "/notifications/n1/read", {})).toMatchObject({ status: 503 });
  expect(admin.errors).toEqual([]);
});

test("a channel is tested by name: its result comes back and is in the audit log, with no secret", async () => {
  const failing = async () => ({ sent: false, status: 535, detail: "no: pass-word" });
  const admin = await startAdmin({
    notifications: { ...testNotifications(), test: failing },
    mask: (text) => text.replaceAll("pass-word", "***"),
  });
  expect(await api(admin, "/notifications/test", { channel: "chat" })).toMatchObject({
    status: 200,
    body: { channel: "chat", sent: false, status: 535, detail: "no: ***" },
  });
  expect(admin.audit).toMatchObject([{ action: "notify.test", by: "ops", target: "chat" }]);
  expect(await api(await start(), "/notifications/test", { channel: "nothing" })).toMatchObject({
    status: 404,
    body: { detail: "there is no channel nothing; known: chat" },
  });
});

test("notifications list shows each on a line, unread ones marked, and what became of it", async () => {
  const { code, out } = await run(await start(), "notifications list");
  expect(code).toBe(0);
  expect(out.trimEnd().split("\n")).toEqual([
    "   AT                        SEVERITY  TITLE                                   ROOM  TOLD         ID",
    "*  2026-01-01T00:00:00.000Z  critical  quiz/winner: breaker opened on primary  42    chat failed  n2",
    "   2026-01-01T00:00:00.000Z  critical  quiz/winner: breaker opened on primary        -            n1",
  ]);
  expect((await run(await start(), "notifications list --room 7")).out).toBe("no notifications\n");
  expect((await run(await start(), "notifications list --limit none")).code).toBe(2);
});

test("notifications read shows one whole, and says that it was read", async () => {
  const { code, out } = await run(await start(), "notifications read n2");
  expect(code).toBe(0);
  expect(out).toContain("The circuit breaker of quiz/winner on primary opened.");
  expect(out).toMatch(/^try +outrigger breaker show quiz winner$/m);
  expect(out).toMatch(/^to chat +failed after 3 tries: answered 403$/m);
  expect(out).toMatch(/^read by +ops$/m);
  expect((await run(await start(), "notifications read n9")).code).toBe(1);
});

test("what a notification holds for a terminal is shown, not done", async () => {
  const admin = await startAdmin({
    notifications: testNotifications([notification({ title: "\u001b[2Jgone\u202e", room: "\u0007" })]),
  });
  for (const line of ["notifications list", "notifications read 019b76da-a800-7000-8000-000000000001"])
    expect((await run(admin, line)).out).not.toMatch(/[\u0007\u001b\u202e]/);
});

test("notify test says what came of it, with exit code 1 where it was not sent", async () => {
  const admin = await start();
  expect(await run(admin, "notify test chat")).toMatchObject({
    code: 0,
    out: "CHANNEL  RESULT  STATUS  WHY\nchat     sent    200\n",
  });
  const failing = await startAdmin({
    notifications: {
      ...testNotifications(),
      test: async () => ({ sent: false, status: 0, detail: "connection failed: ECONNREFUSED" }),
    },
  });
  expect(await run(failing, "notify test mail")).toMatchObject({
    code: 1,
    out: expect.stringContaining("ECONNREFUSED"),
  });
  const { err } = await run(admin, "notify test nothing");
  expect(err).toContain("known: chat");
  expect(err).toContain("notify.channels");
  expect(err).not.toContain("outrigger routes");
});
