import { eventApp } from "../core/event.record.ts";
import type { Listener, OutriggerEvent } from "../core/events.ts";
import type { NotifySettings } from "../core/settings.service.ts";
import type { AppSettings } from "../core/settings.ts";
import type { Channel } from "./channel.ts";
import { createHttpChannel, type HttpDeps } from "./channels/http.ts";
import type { Mask } from "./excerpt.ts";
import { createGrouping } from "./group.ts";
import { noticeOf, type UrlOf } from "./notice.ts";
import { type ChannelQueue, createChannelQueue, type QueueDeps } from "./queue.ts";
import { compileRules, type Hearers } from "./rules.ts";

/** Tells channels of the events that the manifest's rules name. Nothing here throws into, delays or changes a request. */
export interface Notifier extends AsyncDisposable {
  /** Takes every event of the bus. */
  readonly record: Listener;
  /** The rules and channels of the manifest in force. What waits is still sent by the channels of its time. */
  apply(manifest: NotifyManifest): void;
}

export interface NotifyManifest {
  readonly notify: NotifySettings;
  readonly apps: readonly AppSettings[];
  /** Replaces its secrets in a text. */
  readonly mask: Mask;
}

export type NotifierDeps = QueueDeps & Omit<HttpDeps, "mask">;

/** What is under way when the process stops may take this long. */
const STOP_MS = 1000;

export function createNotifier(deps: NotifierDeps): Notifier {
  const queues = new Map<string, ChannelQueue>();
  let channels: ReadonlyMap<string, Channel> = new Map();
  let hearers: Hearers = () => [];
  let urlOf: UrlOf = () => null;
  let masked: Mask = (text) => text;

  const queueOf = (name: string): ChannelQueue => {
    let queue = queues.get(name);
    if (queue === undefined) {
      queue = createChannelQueue(name, deps);
      queues.set(name, queue);
    }
    return queue;
  };
  const tell = (event: OutriggerEvent, count?: number): void => {
    const notice = noticeOf(withoutSecrets(event, masked), urlOf, count);
    for (const name of hearers(notice.type, notice.app)) {
      const channel = channels.get(name);
      if (channel !== undefined) queueOf(name).push({ channel, notice });
    }
  };
  const fallbacks = createGrouping(deps.clock, tell);
  return {
    record(event) {
      // Nobody asked for most events: they cost this one look.
      if (hearers(event.type, eventApp(event)).length === 0) return;
      if (event.type === "fallback.used") fallbacks.add(event);
      else tell(event);
    },
    apply({ notify, apps, mask }) {
      const made = notify.channels.flatMap((settings) =>
        // The manifest refuses the other types until they are there.
        settings.type === "http" ? createHttpChannel(settings, { ...deps, mask }) : [],
      );
      channels = new Map(made.map((channel) => [channel.name, channel]));
      masked = mask;
      hearers = compileRules(notify.routes);
      urlOf = compileUrls(apps);
      for (const [name, queue] of queues) if (!channels.has(name) && queue.idle) queues.delete(name);
    },
    async [Symbol.asyncDispose]() {
      fallbacks.flush();
      hearers = () => [];
      await Promise.all([...queues.values()].map((queue) => queue.stop(STOP_MS)));
    },
  };
}

/** An app may repeat how it was asked, and what it says goes to people elsewhere. */
function withoutSecrets(event: OutriggerEvent, mask: Mask): OutriggerEvent {
  return "detail" in event && typeof event.detail === "string" ? { ...event, detail: mask(event.detail) } : event;
}

function compileUrls(apps: readonly AppSettings[]): UrlOf {
  const known = new Map(apps.map(({ name, upstreams }) => [name, new Map(upstreams.map((u) => [u.name, u.url]))]));
  return (app, upstream) => known.get(app)?.get(upstream) ?? null;
}
