import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { NewNotification, NotificationQuery } from "../../src/core/stored.notification.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { tempDir } from "./support.ts";

const AT = 1_767_225_600_000;
const DAY_MS = 86_400_000;

async function open(dataDir: string): Promise<Storage> {
  const storage = await openStorage({ dataDir, clock: systemClock, onEvent: () => undefined });
  onTestFinished(() => storage.close());
  return storage;
}

const row = (id: string, more: Partial<NewNotification> = {}): NewNotification => ({
  id,
  at: AT,
  type: "breaker.opened",
  severity: "critical",
  app: "quiz",
  capability: "winner",
  room: null,
  title: "opened",
  text: "It opened.",
  command: null,
  ...more,
});

const mark = (id: string, channel: string, state: "waiting" | "sent" | "failed", attempts: number) => ({
  id,
  channel,
  state,
  attempts,
  detail: state === "failed" ? "answered 403" : null,
  at: AT,
});

const EVERY: NotificationQuery = { app: null, room: null, type: null, unread: false, limit: 100, cursor: null };

async function ids({ history }: Storage, query: Partial<NotificationQuery> = {}): Promise<string[]> {
  return (await history.notifications({ ...EVERY, ...query })).items.map(({ id }) => id);
}

test("what was kept is there after a restart, newest first, with what became of it in each channel", async () => {
  const dir = tempDir();
  const first = await open(dir);
  for (const id of ["a", "b"]) first.history.addNotification(row(id));
  for (const one of [mark("a", "mail", "waiting", 0), mark("a", "chat", "failed", 1), mark("a", "mail", "sent", 3)])
    first.history.markNotification(one);
  await first.flush();
  await first.close();
  const again = await open(dir);
  // Written a second time, as after the thread died, and a late word of before the end: nothing changes.
  again.history.addNotification(row("a", { title: "another" }));
  again.history.markNotification(mark("a", "mail", "waiting", 1));
  await again.flush();
  const { items } = await again.history.notifications(EVERY);
  expect(items.map(({ id, title }) => [id, title])).toEqual([
    ["b", "opened"],
    ["a", "opened"],
  ]);
  expect(items[1]?.deliveries).toEqual([
    { channel: "chat", state: "failed", attempts: 1, detail: "answered 403", at: AT },
    { channel: "mail", state: "sent", attempts: 3, detail: null, at: AT },
  ]);
});

test("they can be kept to an app, a room, a type, and to what nobody has read; parts follow each other", async () => {
  const storage = await open(tempDir());
  const { history } = storage;
  history.addNotification(row("a", { room: "42", type: "fallback.used" }));
  history.addNotification(row("b", { app: "shop" }));
  history.addNotification(row("c", { app: null, type: "manifest.rejected" }));
  await storage.flush();
  expect(await ids(storage, { app: "shop" })).toEqual(["b"]);
  expect(await ids(storage, { room: "42" })).toEqual(["a"]);
  expect(await ids(storage, { type: "manifest.rejected" })).toEqual(["c"]);
  const part = await history.notifications({ ...EVERY, limit: 2 });
  expect(part.items.map(({ id }) => id)).toEqual(["c", "b"]);
  expect(await ids(storage, { cursor: part.next })).toEqual(["a"]);
  expect(await history.readNotification({ id: "b", at: AT + 1, by: "ops" })).toMatchObject({ readBy: "ops" });
  expect(await history.readNotification({ id: "b", at: AT + 9, by: "late" })).toMatchObject({
    readAt: AT + 1,
    readBy: "ops",
  });
  expect(await history.readNotification({ id: "nothing", at: AT, by: "ops" })).toBeNull();
  expect(await ids(storage, { unread: true })).toEqual(["c", "a"]);
});

test("they go after 90 days, with what became of them, and the newest 10,000 stay", async () => {
  const storage = await open(tempDir());
  const { history } = storage;
  history.addNotification(row("old", { at: AT - 91 * DAY_MS }));
  history.markNotification(mark("old", "mail", "sent", 1));
  await storage.flush();
  history.addNotification(row("new"));
  await storage.flush();
  expect(await ids(storage)).toEqual(["new"]);
  history.addNotification(row("old", { at: AT }));
  await storage.flush();
  expect((await history.notifications(EVERY)).items[0]?.deliveries).toEqual([]);
  for (let i = 0; i < 10_000; i++) {
    history.addNotification(row(`n${i}`));
    if (i % 1000 === 0) await storage.flush();
  }
  await storage.flush();
  let cursor: number | null = null;
  const all: string[] = [];
  do {
    const part = await history.notifications({ ...EVERY, limit: 1000, cursor });
    all.push(...part.items.map(({ id }) => id));
    cursor = part.next;
  } while (cursor !== null);
  expect([all.length, all.at(-1)]).toEqual([10_000, "n0"]);
});
