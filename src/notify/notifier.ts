import { eventApp, timeText } from "../core/event.record.ts";
import type { EventType, Listener, OutriggerEvent } from "../core/events.ts";
import type { NotifySettings } from "../core/settings.service.ts";
import type { AppSettings } from "../core/settings.ts";
import { type Channel, type TryResult, tryOnce } from "./channel.ts";
import { type ChannelDeps, createChannel } from "./channels.ts";
import type { Mask } from "./excerpt.ts";
import { createGrouping } from "./group.ts";
import { createMinuteLimit } from "./limit.ts";
import { type Notice, type NoticeContext, type NoticeType, noticeFrom, noticeOf } from "./notice.ts";
import type { QueueDeps } from "./queue.ts";
import { createReport, type Report, type ReportDeps } from "./report.ts";
import { compileRules, type Hearers } from "./rules.ts";
import { createTelling, type Outbox } from "./telling.ts";

/** Tells channels of the events that the manifest's rules name. Nothing here throws into, delays or changes a request. */
export interface Notifier extends AsyncDisposable {
  /** Takes every event of the bus. */
  readonly record: Listener;
  /** The rules and channels of the manifest in force. */
  apply(manifest: NotifyManifest): void;
  /** Those of the manifest, by name: for whoever empties the outbox. */
  readonly channels: ReadonlyMap<string, Channel>;
  readonly report: Report;
  /** Where the dashboard is unless the manifest says so: known once its listener is bound. */
  boundAt(dashboard: string | null): void;
  /** Sends a test message now, once; null where there is no such channel. `by` names the operator. */
  test(channel: string, by: string, signal: AbortSignal): Promise<TryResult | null>;
}

export interface NotifyManifest {
  readonly notify: NotifySettings;
  readonly apps: readonly AppSettings[];
  /** The URL by which people reach the dashboard; null: where the listener is bound. */
  readonly dashboard: string | null;
  /** Replaces its secrets in a text. */
  readonly mask: Mask;
}

export interface NotifierDeps extends Omit<QueueDeps, "report">, ReportDeps, Omit<ChannelDeps, "mask"> {
  /** A new id, whose order is that of time. */
  readonly newId: () => string;
  /** Keeps what waits through the death of the process; null: in memory only. */
  readonly outbox: Outbox | null;
}

/**
 * What people look up later, whether or not a channel hears of it. Events of which there may be thousands a second
 * are not among them, but for fallbacks, which are grouped.
 */
const KEPT: ReadonlySet<EventType> = new Set<EventType>([
  "breaker.opened",
  "breaker.closed",
  "failover",
  "failback",
  "fallback.used",
  "dlq.added",
  "verification.failed",
  "alert.firing",
  "alert.resolved",
  "manifest.rejected",
  "spool.full",
  "storage.failing",
  "redis.lost",
  "redis.back",
]);
/** Of these, so many a minute are kept one by one. */
const KEPT_PER_MINUTE = 120;

export function createNotifier(deps: NotifierDeps): Notifier {
  const { clock, ledger, newId } = deps;
  const report = createReport(deps);
  const telling = createTelling({ ...deps, report });
  let channels: ReadonlyMap<string, Channel> = new Map();
  let hearers: Hearers = () => [];
  let bound: string | null = null;
  let said: string | null = null;
  let context: NoticeContext = { urlOf: () => null, ownerOf: () => null, dashboard: null, mask: (text) => text };

  const wants = (channel: Channel | undefined, { owner }: Notice): channel is Channel =>
    channel !== undefined && (!channel.forOwner || owner !== null);
  const tell = (event: OutriggerEvent, count?: number): void => {
    const notice = noticeOf(newId(), event, context, count);
    const hearing = hearers(event.type, notice.app)
      .map((name) => channels.get(name))
      .filter((channel) => wants(channel, notice))
      .filter((channel) => telling.admits(channel, notice, heldBack));
    const kept = KEPT.has(event.type) && keeping.admit(event.type, KEPT_PER_MINUTE);
    if (kept || hearing.length > 0) ledger.add(notice);
    for (const channel of hearing) telling.tell(channel, notice);
  };
  /** One notice of many that did not pass. */
  const summary = (held: ReadonlyMap<NoticeType, number>): Notice => {
    const type = "notifications.held_back";
    const count = [...held.values()].reduce((sum, n) => sum + n, 0);
    const about = [...held].map(([name, n]) => `${n} × ${name}`);
    return noticeFrom(newId(), type, null, { type, at: timeText(clock.wall()), count, about }, context);
  };
  const heldBack = (name: string, owner: string | null, held: ReadonlyMap<NoticeType, number>): void => {
    const channel = channels.get(name);
    if (channel === undefined) return;
    if (!channel.summaries) {
      const dropped = [...held.values()].reduce((sum, n) => sum + n, 0);
      for (let i = 0; i < dropped; i++) deps.count(name, "dropped");
      return deps.log.warn({ channel: name, dropped }, `notifications for ${name} dropped: more than its rate`);
    }
    const notice = { ...summary(held), owner };
    ledger.add(notice);
    telling.tell(channel, notice);
  };
  const keeping = createMinuteLimit(clock, (held) => ledger.add(summary(held)));
  const fallbacks = createGrouping(clock, tell);
  return {
    record(event) {
      // Nobody asked for most events: they cost this one look.
      if (!KEPT.has(event.type) && hearers(event.type, eventApp(event)).length === 0) return;
      if (event.type === "fallback.used") fallbacks.add(event);
      else tell(event);
    },
    apply({ notify, apps, dashboard, mask }) {
      channels = new Map(
        notify.channels.map((settings) => [settings.name, createChannel(settings, { ...deps, mask })]),
      );
      hearers = compileRules(notify.routes);
      said = dashboard;
      context = { ...compileApps(apps), dashboard: said ?? bound, mask };
      telling.retain(new Set(channels.keys()));
    },
    get channels() {
      return channels;
    },
    report,
    boundAt(dashboard) {
      bound = dashboard;
      context = { ...context, dashboard: said ?? bound };
    },
    async test(name, by, signal) {
      const channel = channels.get(name);
      if (channel === undefined) return null;
      const type = "notifications.test";
      const notice = noticeFrom(newId(), type, null, { type, at: timeText(clock.wall()), by }, context);
      const began = clock.now();
      ledger.add(notice);
      const result = await tryOnce(channel, notice, signal);
      report.ended(name, notice, result, { attempts: 1, ms: Math.round(clock.now() - began) });
      return result;
    },
    async [Symbol.asyncDispose]() {
      fallbacks.flush();
      telling.flush();
      keeping.flush();
      hearers = () => [];
      await telling.stop();
    },
  };
}

function compileApps(apps: readonly AppSettings[]): Pick<NoticeContext, "urlOf" | "ownerOf"> {
  const urls = new Map(apps.map(({ name, upstreams }) => [name, new Map(upstreams.map((u) => [u.name, u.url]))]));
  const owners = new Map(apps.map(({ name, owner }) => [name, owner]));
  return {
    urlOf: (app, upstream) => urls.get(app)?.get(upstream) ?? null,
    ownerOf: (app) => owners.get(app) ?? null,
  };
}
