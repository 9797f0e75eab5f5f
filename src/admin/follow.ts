import type { Clock } from "../core/clock.ts";
import type { EventFilter, EventRing, NumberedEvent } from "./ring.ts";

/** Those who follow the events of one listener, whatever form they get them in. */
export interface Followers {
  /** May one more come? Holders of tickets have places of their own, so that they can't take those of operators. */
  full(ticketed: boolean): boolean;
  /** Tells `reader` what passes until it goes, is dropped, or its time is over. `wake` is for when it has gone. */
  follow(reader: Reader, ask: Ask): { readonly done: Promise<void>; readonly wake: () => void };
  /** Ends all, and lets no more come. */
  close(): void;
}

export interface Ask {
  readonly filter: EventFilter;
  /** The event to go on from, as its id was told; undefined: from now on. */
  readonly lastId: string | undefined;
  /** Of a ticket: how long it is good for; null without one. */
  readonly leftMs: number | null;
}

/** One who follows. What `send` and `beat` return resolves once it is taken. */
export interface Reader {
  /** `gapAfter` is set where events after that id are no longer held. */
  send(events: readonly ToldEvent[], gapAfter: string | null): Promise<unknown>;
  /** Nothing happened for a while: says so, so that both ends notice a dead connection. */
  beat(): Promise<unknown>;
  /** Cuts the connection: ending it would wait for the very reader that does not read. */
  drop(): void;
  readonly gone: boolean;
}

export interface ToldEvent extends Pick<NumberedEvent, "type" | "text"> {
  /** To resume from. */
  readonly id: string;
}

export interface StreamTimes {
  /** A comment is sent after this long without an event, so that both ends notice a dead connection. */
  readonly heartbeatMs: number;
  /** Who takes nothing for this long is dropped. */
  readonly stallMs: number;
  /** Events that come this close together are sent together. */
  readonly gatherMs: number;
}

const TIMES: StreamTimes = { heartbeatMs: 15_000, stallMs: 30_000, gatherMs: 20 };
export const MAX_STREAMS = 64;
const MAX_TICKETED = 128;
const EVENTS_AT_ONCE = 256;

interface Follower {
  readonly reader: Reader;
  readonly ask: Ask;
  readonly endsAt: number;
  cursor: number;
  /** Ends a wait early; set while one runs. */
  wake: () => void;
}

export function createFollowers(clock: Clock, ring: EventRing, times: StreamTimes = TIMES): Followers {
  // Ids of another run of the program mean nothing here, so each run has its own.
  const run = clock.wall().toString(36);
  const followers = new Set<Follower>();
  let closing = false;

  const taken = async (to: Follower, sending: Promise<unknown>): Promise<void> => {
    const timer = clock.after(times.stallMs, to.reader.drop, undefined);
    await sending;
    clock.cancel(timer);
  };
  /** Resolves to true once there may be more to read, to false when nothing came for a heartbeat. */
  const news = (to: Follower): Promise<boolean> =>
    new Promise((resolve) => {
      const end = (came: boolean): void => {
        off();
        clock.cancel(timer);
        resolve(came);
      };
      let timer = clock.after(times.heartbeatMs, end, false);
      const off = ring.onRecord(() => {
        off();
        clock.cancel(timer);
        timer = clock.after(times.gatherMs, end, true);
      });
      to.wake = () => end(true);
    });
  const tellAll = async (to: Follower): Promise<void> => {
    const { reader, ask } = to;
    let first = true;
    while (!closing && !reader.gone && clock.now() < to.endsAt) {
      const { events, cursor, lost } = ring.read(to.cursor, ask.filter, EVENTS_AT_ONCE);
      if (lost && !first) return reader.drop();
      const gap = lost || (first && ask.lastId !== undefined && to.cursor === 0);
      first = false;
      to.cursor = cursor;
      if (gap || events.length > 0) {
        const told = events.map((event) => ({ id: `${run}-${event.id}`, type: event.type, text: () => event.text() }));
        await taken(to, reader.send(told, gap ? (ask.lastId ?? "") : null));
      } else if (cursor >= ring.lastId() && !(await news(to))) await taken(to, reader.beat());
    }
  };
  return {
    full(ticketed) {
      if (closing) return true;
      let count = 0;
      for (const { ask } of followers) if ((ask.leftMs !== null) === ticketed) count++;
      return count >= (ticketed ? MAX_TICKETED : MAX_STREAMS);
    },
    follow(reader, ask) {
      const { lastId, leftMs } = ask;
      const to: Follower = {
        reader,
        ask,
        endsAt: leftMs === null ? Number.POSITIVE_INFINITY : clock.now() + leftMs,
        cursor: lastId === undefined ? ring.lastId() : numberOf(lastId, run, ring.lastId()),
        wake: () => {},
      };
      followers.add(to);
      const timer = leftMs === null ? null : clock.after(leftMs, () => to.wake(), undefined);
      const done = tellAll(to).finally(() => {
        followers.delete(to);
        if (timer !== null) clock.cancel(timer);
      });
      return { done, wake: () => to.wake() };
    },
    close() {
      closing = true;
      for (const to of followers) to.wake();
    },
  };
}

/** The number in an id that this run gave out; 0, the very beginning, for any other. */
function numberOf(id: string, run: string, lastId: number): number {
  const [, of, digits] = /^([0-9a-z]{1,16})-(\d{1,15})$/.exec(id) ?? [];
  const number = Number(digits);
  return of === run && number <= lastId ? number : 0;
}
