import { session } from "./api.ts";
import { readStream } from "./sse.ts";
import { createStore } from "./store.ts";

/**
 * Events as they happen; the stream resumes where it broke off. Whoever shows something also asks for it anew from time to time, so nothing depends on the stream.
 */

/** Without what a busy proxy has thousands of a second: such counts come with the next question. */
const TYPES = [
  "breaker.opened",
  "breaker.half_open",
  "breaker.closed",
  "failover",
  "failback",
  "upstream.up",
  "upstream.down",
  "dlq.added",
  "dlq.retried",
  "verification.failed",
  "route.parked",
  "route.resumed",
  "alert.firing",
  "alert.resolved",
  "manifest.applied",
  "manifest.rejected",
  "spool.full",
  "storage.failing",
  "redis.lost",
  "redis.back",
];
const RETRY_MS = 2_000;
const RETRY_MAX_MS = 15_000;

export interface LiveEvent {
  readonly type: string;
  readonly app?: string;
  readonly capability?: string;
  readonly id?: string;
}

/** `live` while the stream is open. */
export const stream = createStore<"connecting" | "live" | "polling">("connecting");

const listeners = new Set<(event: LiveEvent) => void>();

export function onEvent(listener: (event: LiveEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Follows the stream for as long as somebody is signed in. */
export function startLive(): void {
  let stop: AbortController | null = null;
  const look = (): void => {
    if (session.get() && stop === null) {
      stop = new AbortController();
      void follow(stop.signal);
    } else if (!session.get() && stop !== null) {
      stop.abort();
      stop = null;
    }
  };
  session.subscribe(look);
  look();
}

async function follow(signal: AbortSignal): Promise<void> {
  let lastId = "";
  let wait = RETRY_MS;
  const onOpen = (): void => stream.set("live");
  const onMessage = (data: string, id: string): void => {
    if (id !== "") lastId = id;
    const event = JSON.parse(data) as LiveEvent;
    for (const listener of [...listeners]) listener(event);
  };
  while (!signal.aborted) {
    const path = `/events?type=${TYPES.join(",")}`;
    const ended = readStream(path, signal, { lastId, onOpen, onMessage });
    const opened = await ended.catch(() => stream.get() === "live");
    if (signal.aborted) return;
    stream.set("polling");
    wait = opened ? RETRY_MS : Math.min(wait * 2, RETRY_MAX_MS);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
