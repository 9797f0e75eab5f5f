import { setImmediate } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import type { NotifyRetry } from "../core/settings.service.ts";
import { type Channel, tryOnce } from "./channel.ts";
import type { Notice } from "./notice.ts";
import type { NotifyLog, Report } from "./report.ts";

export interface QueueDeps {
  readonly clock: Clock;
  /** The wait before the `n`-th repeat, jitter and all. */
  readonly backoffMs: (retry: NotifyRetry, n: number) => number;
  readonly log: NotifyLog;
  readonly report: Report;
}

/** A notification with the channel as it was when the event came: a reload does not change it. */
export interface Entry {
  readonly channel: Channel;
  readonly notice: Notice;
}

/** The notifications of one channel that are held in memory only: one at a time, in order. */
export interface ChannelQueue {
  /** Never throws, never waits. When full, the oldest that waits makes room. */
  push(entry: Entry): void;
  readonly idle: boolean;
  /** Sends no more: what is under way has `graceMs`, what waits is said to be unsent. Twice is safe. */
  stop(graceMs: number): Promise<void>;
}

export const MAX_WAITING = 1000;
/** A longer wish is cut short: the channel stands still meanwhile. */
const MAX_RETRY_AFTER_MS = 300_000;

export function createChannelQueue(name: string, deps: QueueDeps): ChannelQueue {
  const { log } = deps;
  const waiting: Entry[] = [];
  const halt = new AbortController();
  const cut = new AbortController();
  let working: Promise<void> | null = null;
  /** Since the last line about them. */
  let dropped = 0;

  const work = async (): Promise<void> => {
    // Whoever sent the event goes on first.
    await setImmediate();
    while (!halt.signal.aborted) {
      const entry = waiting.shift();
      if (entry === undefined) break;
      await deliver(entry, deps, halt.signal, cut.signal);
      sayDropped();
    }
    working = null;
  };
  // One line for many: an endpoint that is down while events pour in must not fill the log.
  const sayDropped = (): void => {
    if (dropped === 0) return;
    log.warn({ channel: name, dropped, waiting: waiting.length }, `notifications for ${name} dropped: too many wait`);
    dropped = 0;
  };
  return {
    get idle() {
      return working === null;
    },
    push(entry) {
      if (waiting.length >= MAX_WAITING) {
        const oldest = waiting.shift();
        if (oldest !== undefined) deps.report.dropped(name, oldest.notice);
        dropped++;
      }
      waiting.push(entry);
      working ??= work();
    },
    async stop(graceMs) {
      halt.abort();
      const unsent = waiting.splice(0);
      for (const { notice } of unsent) deps.report.dropped(name, notice);
      if (unsent.length > 0) {
        const about = Object.fromEntries(
          Map.groupBy(unsent, ({ notice }) => notice.type)
            .entries()
            .map(([type, list]) => [type, list.length]),
        );
        log.error({ channel: name, unsent: unsent.length, about }, `stopping: ${name} was not told of everything`);
      }
      if (working === null) return;
      const timer = deps.clock.after(graceMs, () => cut.abort(), undefined);
      await working;
      deps.clock.cancel(timer);
    },
  };
}

/** Sends one, repeats it where that may help, and tells what came of it. Never rejects. */
async function deliver(entry: Entry, deps: QueueDeps, halt: AbortSignal, cut: AbortSignal): Promise<void> {
  const { clock, backoffMs, report } = deps;
  const { name, retry } = entry.channel;
  const began = clock.now();
  let result = await tryOnce(entry.channel, entry.notice, cut);
  let attempts = 1;
  while (result.kind === "again" && attempts < retry.attempts) {
    const asked = Math.min(result.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    if (!(await pause(clock, Math.max(backoffMs(retry, attempts), asked), halt))) break;
    result = await tryOnce(entry.channel, entry.notice, cut);
    attempts++;
  }
  report.ended(name, entry.notice, result, { attempts, ms: Math.round(clock.now() - began) });
}

/** Waits; false as soon as `halt` is aborted. */
function pause(clock: Clock, ms: number, halt: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (halt.aborted) return resolve(false);
    const stop = (): void => {
      clock.cancel(timer);
      resolve(false);
    };
    const timer = clock.after(
      ms,
      () => {
        halt.removeEventListener("abort", stop);
        resolve(true);
      },
      undefined,
    );
    halt.addEventListener("abort", stop, { once: true });
  });
}
