import type { NotificationService } from "../admin/services.notifications.ts";
import type { Clock } from "../core/clock.ts";
import type { Notifier } from "../notify/notifier.ts";
import type { Storage } from "../storage/storage.ts";

interface Parts {
  readonly options: { readonly clock: Clock };
  readonly notifier: Notifier;
  readonly storage: Pick<Storage, "history">;
}

/** What people were told, and a test of a channel. */
export function notificationService({ options, notifier, storage: { history } }: Parts): NotificationService {
  return {
    list: (query) => history.notifications(query),
    find: (id) => history.notification(id),
    read: (id, by) => history.readNotification({ id, by, at: options.clock.wall() }),
    channels: () => [...notifier.channels.keys()],
    async test(channel, by) {
      // It ends within the channel's own time.
      const result = await notifier.test(channel, by, new AbortController().signal);
      if (result === null) return null;
      const sent = result.kind === "sent";
      return { sent, status: result.status, detail: sent ? null : result.detail };
    },
  };
}
