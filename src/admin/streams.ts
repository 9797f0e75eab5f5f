import type { Context } from "hono";
import type { SSEStreamingApi } from "hono/streaming";
import { streamSSE } from "hono/streaming";
import type { Clock } from "../core/clock.ts";
import { type AdminEnv, refuse } from "./env.ts";
import type { EventFilter, EventRing } from "./ring.ts";

/** Event streams (SSE, WHATWG HTML section 9.2) of one listener. */
export interface Streams {
  /** Answers with a stream of what passes, from now on, or from after the event that `lastEventId` names. */
  open(c: Context<AdminEnv>, filter: EventFilter, lastEventId: string | undefined): Response;
  /** Ends all streams, and refuses new ones. */
  close(): void;
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
const MAX_STREAMS = 64;
const EVENTS_AT_ONCE = 256;

interface Follower {
  readonly stream: SSEStreamingApi;
  readonly filter: EventFilter;
  cursor: number;
  /** Ends a wait early; set while one runs. */
  wake: () => void;
  /** Cuts the connection: ending it would wait for the very reader that does not read. */
  readonly drop: () => void;
}

export function createStreams(clock: Clock, ring: EventRing, times: StreamTimes = TIMES): Streams {
  // Ids of another run of the program mean nothing here, so each run has its own.
  const run = clock.wall().toString(36);
  const followers = new Set<Follower>();
  let closing = false;

  const message = (id: number, type: string, data: string): string =>
    `id: ${run}-${id}\nevent: ${type}\ndata: ${data}\n\n`;

  const send = async (to: Follower, text: string): Promise<void> => {
    const timer = clock.after(times.stallMs, to.drop, undefined);
    await to.stream.write(text);
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

  const follow = async (to: Follower, resumedFrom: string | undefined): Promise<void> => {
    await send(to, "retry: 1000\n\n");
    let first = true;
    while (!closing && !to.stream.aborted) {
      const { events, cursor, lost } = ring.read(to.cursor, to.filter, EVENTS_AT_ONCE);
      if (lost && !first) return to.drop();
      const unknown = first && resumedFrom !== undefined && to.cursor === 0;
      const gap = lost || unknown ? `event: gap\ndata: ${JSON.stringify({ type: "gap", after: resumedFrom })}\n\n` : "";
      first = false;
      to.cursor = cursor;
      const text = gap + events.map((event) => message(event.id, event.type, event.text())).join("");
      if (text !== "") await send(to, text);
      else if (cursor >= ring.lastId() && !(await news(to))) await send(to, ": still here\n\n");
    }
  };
  return {
    open(c, filter, lastEventId) {
      if (closing || followers.size >= MAX_STREAMS)
        return refuse(503, "too-many-streams", "No room for one more stream", `at most ${MAX_STREAMS} at once`);
      const { socket } = c.env.incoming;
      return streamSSE(c, async (stream) => {
        const to: Follower = {
          stream,
          filter,
          cursor: lastEventId === undefined ? ring.lastId() : numberOf(lastEventId, run, ring.lastId()),
          wake: () => {},
          drop: () => void socket.destroy(),
        };
        followers.add(to);
        stream.onAbort(() => to.wake());
        try {
          await follow(to, lastEventId);
        } finally {
          followers.delete(to);
        }
      });
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
