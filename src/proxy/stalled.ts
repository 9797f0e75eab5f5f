import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Clock, Timer } from "../core/clock.ts";
import { cutOff } from "./cut.ts";
import { takenBy } from "./taken.ts";

/**
 * A caller may take nothing of its answer for so long. What it takes shows in steps ({@link takenBy}), up to 1.7 MB each:
 * one that reads 30 KB/s is never dropped, a slower one may be.
 */
const STALLED_MS = 60_000;
/** Looks in the time after which a caller is dropped: it is so much late at most. */
const LOOKS = 4;

interface Mark {
  /** What its caller had taken … */
  readonly taken: number;
  /** … and since when it is no more. */
  readonly since: number;
}

/**
 * Drops callers that take nothing of their answer for `stalledMs`. They are looked for: a timer on each socket would be
 * set anew several times a request. Silence is no fault of a caller that waits for an app with a long timeout, and idle
 * connections are closed by Node's keep-alive timeout.
 */
export function dropStalled(server: Server, clock: Clock, stalledMs = STALLED_MS): void {
  const open = new Set<Socket>();
  let marks = new Map<Socket, Mark>();
  let timer: Timer | null = null;

  const look = (): void => {
    timer = null;
    const now = clock.now();
    const next: typeof marks = new Map();
    for (const socket of open) {
      if (socket.writableLength === 0) continue;
      const taken = takenBy(socket);
      const before = marks.get(socket);
      const mark = before?.taken === taken ? before : { taken, since: now };
      if (now - mark.since >= stalledMs) cutOff(socket);
      else next.set(socket, mark);
    }
    marks = next;
    if (open.size > 0) again();
  };
  const again = (): void => {
    timer ??= clock.after(stalledMs / LOOKS, look, undefined);
  };
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    again();
  };
  server.on("connection", keep).on("secureConnection", keep);
  server.on("close", () => {
    if (timer !== null) clock.cancel(timer);
  });
}
