import type { NotificationService } from "../../src/admin/services.notifications.ts";
import type { StoredNotification } from "../../src/core/stored.notification.ts";

/** Notifications held in memory, newest first, with one channel that works and is called `chat`. */
export function testNotifications(given: readonly StoredNotification[] = []): NotificationService {
  const all = [...given];
  return {
    async list({ app, room, type, unread, limit }) {
      const suits = (one: StoredNotification): boolean =>
        (app === null || one.app === app) &&
        (room === null || one.room === room) &&
        (type === null || one.type === type) &&
        (!unread || one.readAt === null);
      return { items: all.filter(suits).slice(0, limit), next: null };
    },
    find: async (id) => all.find((one) => one.id === id) ?? null,
    async read(id, by) {
      const at = all.findIndex((one) => one.id === id);
      const found = all[at];
      if (found === undefined) return null;
      const read = { ...found, readAt: found.readAt ?? 1_767_225_600_000, readBy: found.readBy ?? by };
      all[at] = read;
      return read;
    },
    channels: () => ["chat"],
    test: async (channel) => (channel === "chat" ? { sent: true, status: 200, detail: null } : null),
  };
}

export function notification(given: Partial<StoredNotification> = {}): StoredNotification {
  return {
    id: "019b76da-a800-7000-8000-000000000001",
    at: 1_767_225_600_000,
    type: "breaker.opened",
    severity: "critical",
    app: "quiz",
    capability: "winner",
    room: null,
    title: "quiz/winner: breaker opened on primary",
    text: "The circuit breaker of quiz/winner on primary opened.",
    command: "outrigger breaker show quiz winner",
    readAt: null,
    readBy: null,
    deliveries: [],
    ...given,
  };
}
