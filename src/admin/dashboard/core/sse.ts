import { authorization, urlOf } from "./api.ts";

/** One connection to the event stream (WHATWG HTML section 9.2). EventSource can send no token, so it is read by fetch. */

/** Heartbeats come every 15 s: a stream that is quiet for longer is dead. */
const SILENCE_MS = 40_000;
/** Far more than any message: what never ends is not gathered. */
const MAX_MESSAGE = 1024 * 1024;

export interface StreamEnds {
  /** Resumes after this one; empty for from now on. */
  readonly lastId: string;
  readonly onOpen: () => void;
  /** `id` is empty where a message has none. */
  readonly onMessage: (data: string, id: string) => void;
}

/** Resolves when the stream ends: to whether it was open at all. */
export async function readStream(path: string, signal: AbortSignal, ends: StreamEnds): Promise<boolean> {
  const { lastId, onOpen, onMessage } = ends;
  const silent = new AbortController();
  let timer = setTimeout(() => silent.abort(), SILENCE_MS);
  try {
    const response = await fetch(urlOf(path), {
      headers: { Authorization: authorization(), ...(lastId && { "Last-Event-ID": lastId }) },
      signal: AbortSignal.any([signal, silent.signal]),
      cache: "no-store",
      credentials: "omit",
    });
    if (!response.ok || response.body === null) return false;
    onOpen();
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
      for (const message of messages) tell(message, onMessage);
    }
  } finally {
    clearTimeout(timer);
  }
}

function tell(message: string, onMessage: StreamEnds["onMessage"]): void {
  let data = "";
  let id = "";
  for (const line of message.split("\n")) {
    if (line.startsWith("id: ")) id = line.slice(4);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (data !== "") onMessage(data, id);
}
