import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import { type AdminEnv, refuse } from "./env.ts";
import { type Ask, type Followers, MAX_STREAMS, type Reader } from "./follow.ts";

/** Answers with the events as a stream (SSE, WHATWG HTML section 9.2). */
export function openStream(c: Context<AdminEnv>, ask: Ask, followers: Followers): Response {
  if (followers.full(ask.leftMs !== null)) return tooMany();
  const { socket } = c.env.incoming;
  return streamSSE(c, async (stream) => {
    const reader: Reader = {
      send(events, gapAfter) {
        const gap =
          gapAfter === null ? "" : `event: gap\ndata: ${JSON.stringify({ type: "gap", after: gapAfter })}\n\n`;
        return stream.write(gap + events.map(({ id, type, text }) => message(id, type, text())).join(""));
      },
      beat: () => stream.write(": still here\n\n"),
      drop: () => void socket.destroy(),
      get gone() {
        return stream.aborted;
      },
    };
    await stream.write("retry: 1000\n\n");
    const { done, wake } = followers.follow(reader, ask);
    stream.onAbort(wake);
    await done;
  });
}

export function tooMany(): Response {
  return refuse(503, "too-many-streams", "No room for one more stream", `at most ${MAX_STREAMS} at once`);
}

function message(id: string, type: string, data: string): string {
  return `id: ${id}\nevent: ${type}\ndata: ${data}\n\n`;
}
