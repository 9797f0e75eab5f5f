import { AT_ONCE } from "./build.ts";
import type { Unpacked } from "./unpack.ts";

/** Turns of the event loop that a reload gives to requests. */

/** All of a small manifest takes less than a turn of a busy loop, for which who asked would wait. */
export function isLarge({ loaded }: Unpacked): boolean {
  return loaded.manifest.routes.length > AT_ONCE;
}

export const nextTurn = (): Promise<void> => new Promise((done) => setImmediate(done));

/**
 * After what holds up the loop for some 10 ms: a call takes several turns, with its app's answer between them, so that it
 * would meet the next such stretch, too.
 */
export const breath = (): Promise<void> => new Promise((done) => setTimeout(done, BREATH_MS));
const BREATH_MS = 5;

/** In the midst of a large one, `wait`. Rejects when `signal` aborts. */
export async function pause(
  unpacked: Unpacked,
  wait: () => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (isLarge(unpacked)) await wait();
  signal?.throwIfAborted();
}
