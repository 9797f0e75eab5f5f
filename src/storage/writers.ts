import type { Clock } from "../core/clock.ts";
import type { NewNotification, NotificationMark } from "../core/stored.notification.ts";
import { breakerKey, type NewMove, type StoredBreaker, type StoredHealth, upstreamKey } from "../core/stored.ts";
import { createLatestWriter } from "./latest.ts";
import type { Call } from "./stores.ts";

const MAX_UNSAVED = 65_536;
const MAX_UNSAVED_MOVES = 1_024;
const MAX_UNSAVED_NOTES = 4_096;

/** Rows that their writers do not wait for. */
export function createWriters(call: Call, clock: Clock) {
  return {
    breakers: createLatestWriter<StoredBreaker>({
      clock,
      keyOf: breakerKey,
      write: (row) => call("breakers.save", row),
      max: MAX_UNSAVED,
    }),
    upstreams: createLatestWriter<StoredHealth>({
      clock,
      keyOf: upstreamKey,
      write: (row) => call("health.save", row),
      max: MAX_UNSAVED,
    }),
    // No two moves are the same, so each is the newest of its own.
    moves: createLatestWriter<NewMove>({
      clock,
      keyOf: JSON.stringify,
      write: (move) => call("moves.add", move),
      max: MAX_UNSAVED_MOVES,
    }),
    notifications: createLatestWriter<NewNotification>({
      clock,
      keyOf: ({ id }) => id,
      write: (row) => call("notifications.add", row),
      max: MAX_UNSAVED_NOTES,
    }),
    marks: createLatestWriter<NotificationMark>({
      clock,
      keyOf: ({ id, channel }) => `${id} ${channel}`,
      write: (row) => call("notifications.mark", row),
      max: MAX_UNSAVED_NOTES,
    }),
  };
}
