import type { EventType } from "../core/events.ts";
import type { Channel } from "./channel.ts";
import { createMinuteLimit, type MinuteLimit } from "./limit.ts";
import type { Notice, NoticeType } from "./notice.ts";
import { type ChannelQueue, createChannelQueue, type QueueDeps } from "./queue.ts";
import type { Ledger } from "./report.ts";

/**
 * Where notices go on their way to a channel: into the outbox, which survives the process, or, where it takes none
 * (the spool is full or away, which is the very news), into a queue in memory.
 */
export interface Telling {
  /** May the channel be told of one more now? Else it is counted, and `heldBack` is called when the minute is over. */
  admits(channel: Channel, notice: Notice, heldBack: HeldBack): boolean;
  /** Never throws, never waits. */
  tell(channel: Channel, notice: Notice): void;
  /** Lets go of channels that the manifest no longer names. */
  retain(names: ReadonlySet<string>): void;
  /** Tells now what was held back. */
  flush(): void;
  /** Resolves once all is in the outbox; what is in memory has a second. Twice is safe. */
  stop(): Promise<void>;
}

/** `owner` is set where the channel tells owners: each has a bound of their own. */
type HeldBack = (channel: string, owner: string | null, held: ReadonlyMap<NoticeType, number>) => void;

/** Keeps notices until a channel has been told of them, through the death of the process. */
export interface Outbox {
  /** Resolves to false where it is certain that it was not kept. */
  put(channel: string, notice: Notice): Promise<boolean>;
  /** How many wait for a channel. */
  waiting(channel: string): number;
}

export interface TellingDeps extends QueueDeps {
  readonly outbox: Outbox | null;
  readonly ledger: Ledger;
}

/** What the outbox itself may be failing of. */
const DIRECT: ReadonlySet<NoticeType> = new Set<EventType>(["spool.full", "storage.failing"]);
/** So many wait for a channel in the outbox; then the new ones are dropped, for the order of the old must stand. */
const MAX_KEPT = 1000;
/** What is under way when the process stops may take this long. */
const STOP_MS = 1000;

export function createTelling(deps: TellingDeps): Telling {
  const { clock, outbox, report, ledger, log } = deps;
  const queues = new Map<string, ChannelQueue>();
  /** By channel and, where it tells owners, by owner: both are names of the manifest. */
  const limits = new Map<string, { readonly channel: string; readonly limit: MinuteLimit }>();
  const puts = new Set<Promise<void>>();
  /** Channels of which a line said that too many wait. */
  const full = new Set<string>();

  const directly = (channel: Channel, notice: Notice): void => {
    let queue = queues.get(channel.name);
    if (queue === undefined) {
      queue = createChannelQueue(channel.name, deps);
      queues.set(channel.name, queue);
    }
    queue.push({ channel, notice });
  };
  const hasRoom = (name: string, kept: Outbox): boolean => {
    const waiting = kept.waiting(name);
    if (waiting < MAX_KEPT / 2) full.delete(name);
    if (waiting < MAX_KEPT) return true;
    if (!full.has(name)) log.warn({ channel: name, waiting }, `notifications for ${name} dropped: too many wait`);
    full.add(name);
    return false;
  };
  return {
    admits({ name, perMinute, forOwner }, notice, heldBack) {
      const owner = forOwner ? notice.owner : null;
      const key = owner === null ? name : `${name} ${owner}`;
      let found = limits.get(key);
      if (found === undefined) {
        found = { channel: name, limit: createMinuteLimit(clock, (held) => heldBack(name, owner, held)) };
        limits.set(key, found);
      }
      return found.limit.admit(notice.type, perMinute);
    },
    tell(channel, notice) {
      const { name } = channel;
      ledger.mark(notice.id, name, "waiting", 0, null);
      if (outbox === null || DIRECT.has(notice.type)) return directly(channel, notice);
      if (!hasRoom(name, outbox)) return report.dropped(name, notice);
      const put = outbox.put(name, notice).then((kept) => {
        puts.delete(put);
        if (!kept) directly(channel, notice);
      });
      puts.add(put);
    },
    retain(names) {
      for (const [name, queue] of queues) if (!names.has(name) && queue.idle) queues.delete(name);
      for (const [key, { channel, limit }] of limits) {
        if (names.has(channel)) continue;
        limit.flush();
        limits.delete(key);
      }
    },
    flush() {
      for (const { limit } of limits.values()) limit.flush();
    },
    async stop() {
      if (puts.size > 0) await Promise.all(puts);
      await Promise.all([...queues.values()].map((queue) => queue.stop(STOP_MS)));
    },
  };
}
