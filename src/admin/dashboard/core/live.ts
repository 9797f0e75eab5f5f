import { authorization, session, urlOf } from "./api.ts";
import { createStore } from "./store.ts";

/**
 * Events as they happen. EventSource can send no token, so the stream is read by fetch; it resumes where it broke off.
 * Whoever shows something also asks for it anew from time to time, so nothing depends on the stream.
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
];
const RETRY_MS = 2_000;
const RETRY_MAX_MS = 15_000;
/** Heartbeats come every 15 s: a stream that is quiet for longer is dead. */
const SILENCE_MS = 40_000;
/** Far more than any message: what never ends is not gathered. */
const MAX_MESSAGE = 1024 * 1024;

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
  const place = { lastId: "" };
  let wait = RETRY_MS;
  while (!signal.aborted) {
    const opened = await readStream(signal, place).catch(() => stream.get() === "live");
    if (signal.aborted) return;
    stream.set("polling");
    wait = opened ? RETRY_MS : Math.min(wait * 2, RETRY_MAX_MS);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** Resolves when the stream ends: to whether it was open at all. */
async function readStream(signal: AbortSignal, place: { lastId: string }): Promise<boolean> {
  const silent = new AbortController();
  let timer = setTimeout(() => silent.abort(), SILENCE_MS);
  try {
    const response = await fetch(urlOf(`/events?type=${TYPES.join(",")}`), {
      headers: { Authorization: authorization(), ...(place.lastId && { "Last-Event-ID": place.lastId }) },
      signal: AbortSignal.any([signal, silent.signal]),
      cache: "no-store",
      credentials: "omit",
    });
    if (!response.ok || response.body === null) return false;
    stream.set("live");
    let text = "";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE_MS);
      text += value;
      const messages = text.split("\n\n");
      text = messages.pop() ?? "";
      if (text.length > MAX_MESSAGE) return true;
      for (const message of messages) tell(message, place);
    }
  } finally {
    clearTimeout(timer);
  }
}

function tell(message: string, place: { lastId: string }): void {
  let data = "";
  for (const line of message.split("\n")) {
    if (line.startsWith("id: ")) place.lastId = line.slice(4);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (data === "") return;
  const event = JSON.parse(data) as LiveEvent;
  for (const listener of [...listeners]) listener(event);
}
