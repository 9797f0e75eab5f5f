import type {
  NewNotification,
  NotificationDelivery,
  NotificationMark,
  NotificationQuery,
  NotificationRead,
  StoredNotification,
} from "../../core/stored.notification.ts";
import type { Page } from "../../core/stored.ts";
import type { Connection } from "../connection.ts";
import type { Migration } from "../migrate.ts";
import { pageOf } from "./page.ts";

/** What people were to be told, whether they read it here, and what became of it in each channel. */

export const notificationMigrations: readonly Migration[] = [
  {
    number: 10,
    sql: `
      CREATE TABLE notifications (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uid TEXT NOT NULL UNIQUE,
        at INTEGER NOT NULL,
        type TEXT NOT NULL,
        severity TEXT NOT NULL,
        app TEXT,
        capability TEXT,
        room TEXT,
        title TEXT NOT NULL,
        text TEXT NOT NULL,
        command TEXT,
        read_at INTEGER,
        read_by TEXT
      ) STRICT;
      CREATE TABLE notification_deliveries (
        id INTEGER PRIMARY KEY,
        uid TEXT NOT NULL,
        channel TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed', 'dropped')),
        attempts INTEGER NOT NULL,
        detail TEXT,
        at INTEGER NOT NULL,
        UNIQUE (uid, channel)
      ) STRICT;
    `,
  },
];

const MAX_NOTIFICATIONS = 10_000;
const KEPT_MS = 90 * 86_400_000;
/** Each new one takes at most so many old ones along, so that no commit grows long. */
const PRUNE_STEP = 16;

type Row = Omit<StoredNotification, "deliveries"> & { readonly number: number };

export function notificationCommands(db: Connection) {
  return { ...writing(db), ...reading(db) };
}

function writing(db: Connection) {
  const add = db.prepare<[NewNotification]>(
    `INSERT INTO notifications (uid, at, type, severity, app, capability, room, title, text, command)
     VALUES (@id, @at, @type, @severity, @app, @capability, @room, @title, @text, @command)
     ON CONFLICT (uid) DO NOTHING`,
  );
  const old = db.prepare<[number, number], { id: number; uid: string }>(
    `SELECT id, uid FROM (SELECT id, uid, at FROM notifications ORDER BY id LIMIT ${PRUNE_STEP}) WHERE id <= ? OR at < ?`,
  );
  const drop = db.prepare<[number]>("DELETE FROM notifications WHERE id = ?");
  const dropDeliveries = db.prepare<[string]>("DELETE FROM notification_deliveries WHERE uid = ?");
  // The end of one stands: a row that was written twice, or late, does not set it back to waiting.
  const mark = db.prepare<[NotificationMark]>(
    `INSERT INTO notification_deliveries (uid, channel, state, attempts, detail, at)
     VALUES (@id, @channel, @state, @attempts, @detail, @at)
     ON CONFLICT (uid, channel) DO UPDATE SET
       state = excluded.state, attempts = max(attempts, excluded.attempts), detail = excluded.detail, at = excluded.at
     WHERE state = 'waiting'`,
  );
  const read = db.prepare<[NotificationRead]>(
    "UPDATE notifications SET read_at = @at, read_by = @by WHERE uid = @id AND read_at IS NULL",
  );
  return {
    "notifications.add": (notification: NewNotification): void => {
      const { changes, lastInsertRowid } = add.run(notification);
      if (changes === 0) return;
      for (const { id, uid } of old.all(Number(lastInsertRowid) - MAX_NOTIFICATIONS, notification.at - KEPT_MS)) {
        drop.run(id);
        dropDeliveries.run(uid);
      }
    },
    "notifications.mark": (row: NotificationMark): void => void mark.run(row),
    /** The first reader counts. */
    "notifications.read": (row: NotificationRead): void => void read.run(row),
  };
}

function reading(db: Connection) {
  const columns = `id AS number, uid AS id, at, type, severity, app, capability, room, title, text, command,
    read_at AS readAt, read_by AS readBy`;
  // There are few enough to look at each.
  const list = db.prepare<[Omit<NotificationQuery, "unread"> & { readonly unread: number }], Row>(
    `SELECT ${columns} FROM notifications
      WHERE notifications.id < @cursor AND (@app IS NULL OR app = @app) AND (@room IS NULL OR room = @room)
        AND (@type IS NULL OR type = @type) AND (@unread = 0 OR read_at IS NULL)
      ORDER BY notifications.id DESC LIMIT @limit`,
  );
  const find = db.prepare<[string], Row>(`SELECT ${columns} FROM notifications WHERE uid = ?`);
  const deliveries = db.prepare<[string], NotificationDelivery>(
    "SELECT channel, state, attempts, detail, at FROM notification_deliveries WHERE uid = ? ORDER BY channel",
  );
  const whole = ({ number: _, ...row }: Row): StoredNotification => ({ ...row, deliveries: deliveries.all(row.id) });
  return {
    "notifications.list": ({ app, room, type, unread, ...request }: NotificationQuery): Page<StoredNotification> => {
      const filter = { app, room, type, unread: Number(unread) };
      const page = pageOf(
        request,
        (row: Row) => row.number,
        (cursor, limit) => list.all({ ...filter, cursor, limit }),
      );
      return { ...page, items: page.items.map(whole) };
    },
    "notifications.find": (id: string): StoredNotification | null => {
      const row = find.get(id);
      return row === undefined ? null : whole(row);
    },
  };
}
