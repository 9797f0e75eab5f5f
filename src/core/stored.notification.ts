import type { PageRequest } from "./stored.ts";

/** Notifications as they are kept for people to look up. Times are Unix milliseconds. */

export interface NewNotification {
  readonly id: string;
  readonly at: number;
  /** The event's, or `notifications.held_back`, `notifications.test`. */
  readonly type: string;
  readonly severity: string;
  readonly app: string | null;
  readonly capability: string | null;
  /** The value of the `context` label `room`. */
  readonly room: string | null;
  readonly title: string;
  readonly text: string;
  /** What shows or mends it. */
  readonly command: string | null;
}

/** `dropped`: never tried, since too many waited. */
export type NotificationState = "waiting" | "sent" | "failed" | "dropped";

/** What became of one in one channel. */
export interface NotificationDelivery {
  readonly channel: string;
  readonly state: NotificationState;
  /** Tries so far. */
  readonly attempts: number;
  /** Of the last try, where it was not good. */
  readonly detail: string | null;
  readonly at: number;
}

export interface NotificationMark extends NotificationDelivery {
  readonly id: string;
}

export interface StoredNotification extends NewNotification {
  /** Null while it is unread. */
  readonly readAt: number | null;
  readonly readBy: string | null;
  readonly deliveries: readonly NotificationDelivery[];
}

/** What is null does not matter. */
export interface NotificationQuery extends PageRequest {
  readonly app: string | null;
  readonly room: string | null;
  readonly type: string | null;
  readonly unread: boolean;
}

export interface NotificationRead {
  readonly id: string;
  readonly at: number;
  /** The name of the token. */
  readonly by: string;
}
