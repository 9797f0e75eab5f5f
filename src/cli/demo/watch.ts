import { get } from "node:http";
import type { Sidecar } from "./sidecar.ts";

/** An event as the admin API's stream tells it. */
export type Told = Readonly<Record<string, unknown>> & { readonly type: string };

export interface Watch {
  close(): void;
}

/** A line of the stream longer than this is none of ours. */
const MAX_LINE = 1024 * 1024;

/**
 * Follows `GET /api/v1/admin/events` (server-sent events) and calls `onEvent` for each of `types`. Resolves once the
 * stream is open, so that nothing that happens later is missed; rejects where it is refused.
 */
export function watchEvents(
  { admin, token }: Pick<Sidecar, "admin" | "token">,
  types: readonly string[],
  onEvent: (told: Told) => void,
): Promise<Watch> {
  return new Promise((resolve, reject) => {
    const req = get(`http://${admin}/api/v1/admin/events?type=${types.join(",")}`, {
      agent: false,
      headers: { Authorization: `Bearer ${token}`, Accept: "text/event-stream" },
    });
    req.once("error", reject);
    req.once("response", (res) => {
      if (res.statusCode !== 200) {
        req.destroy();
        return reject(new Error(`the event stream was refused with ${res.statusCode}`));
      }
      // A break of the stream shows as events that are missing: whoever waits for them says so.
      req.off("error", reject).on("error", () => undefined);
      const read = eventReader((told) => {
        // The stream has messages of its own, such as `gap`.
        if (types.includes(told.type)) onEvent(told);
      });
      res.setEncoding("utf8").on("data", read);
      resolve({ close: () => void req.destroy() });
    });
  });
}

/** Reads a stream of server-sent events, in whatever pieces it comes, where each event's data is one JSON object. */
export function eventReader(onEvent: (told: Told) => void): (piece: string) => void {
  let rest = "";
  let data = "";
  return (piece) => {
    const lines = (rest + piece).split(/\r?\n/);
    rest = (lines.pop() ?? "").slice(-MAX_LINE);
    for (const line of lines) {
      if (line.startsWith("data:")) data += line.slice(5).trimStart();
      if (line !== "" || data === "") continue;
      onEvent(JSON.parse(data) as Told);
      data = "";
    }
  };
}
