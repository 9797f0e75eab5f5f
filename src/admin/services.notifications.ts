import type { NotificationQuery, StoredNotification } from "../core/stored.notification.ts";
import type { Page } from "../core/stored.ts";

/** Notifications, as people look them up. The promises of the first three reject while the history is away. */
export interface NotificationService {
  /** Newest first. */
  list(query: NotificationQuery): Promise<Page<StoredNotification>>;
  /** Null where there is none. */
  find(id: string): Promise<StoredNotification | null>;
  /** Marks it as read, unless it was; null where there is none. `by` names the token. */
  read(id: string, by: string): Promise<StoredNotification | null>;
  /** Names of the channels of the running manifest. */
  channels(): readonly string[];
  /** Sends a test message now, once; null where the manifest has no such channel. */
  test(channel: string, by: string): Promise<ChannelTest | null>;
}

export interface ChannelTest {
  readonly sent: boolean;
  /** Of the endpoint or the mail server; 0 where none answered. */
  readonly status: number;
  /** Why it was not sent, in a line; null where it was. */
  readonly detail: string | null;
}
