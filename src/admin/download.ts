import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";
import type { Clock } from "../core/clock.ts";
import { type AdminEnv, SECURITY_HEADERS } from "./env.ts";

/** Who takes nothing for this long is dropped: what is read from, a file for one, is let go of. */
const STALL_MS = 60_000;

/**
 * Answers with what `source` yields, no faster than it is taken. Where the source fails the connection is cut: what is
 * not whole must not look whole. The source is returned from (its `finally` runs) however it ends.
 */
export async function download(
  c: Context<AdminEnv>,
  clock: Clock,
  headers: Readonly<Record<string, string>>,
  source: AsyncGenerator<Uint8Array | string>,
  onError: (error: unknown) => void,
): Promise<Response> {
  const { outgoing, incoming } = c.env;
  const { socket } = incoming;
  let failed: unknown = null;
  const nextOf = async (): Promise<IteratorResult<Uint8Array | string>> => {
    try {
      return await source.next();
    } catch (error) {
      failed = error;
      throw error;
    }
  };
  const taken = async function* (): AsyncGenerator<Uint8Array | string> {
    try {
      for (let next = await nextOf(); !next.done; next = await nextOf()) {
        const timer = clock.after(STALL_MS, () => socket.destroy(), undefined);
        try {
          yield next.value;
        } finally {
          clock.cancel(timer);
        }
      }
    } finally {
      await source.return(undefined);
    }
  };
  outgoing.writeHead(200, { ...SECURITY_HEADERS, ...headers });
  try {
    await pipeline(Readable.from(taken(), { objectMode: false }), outgoing as NodeJS.WritableStream);
  } catch {
    // The connection is cut already. That somebody left is no error; that the source failed is.
    socket.destroy();
    if (failed !== null) onError(failed);
  }
  return RESPONSE_ALREADY_SENT;
}
