import { sleep } from "../../core/clock.ts";
import type { Stage } from "./chapter.ts";

/** What has not happened after this does not happen, where a breaker is all that is waited for: at most 2 s. */
const PATIENCE_MS = 12_000;
const PACE_MS = 20;

type Ending = Pick<Stage, "clock" | "signal">;

/** Lets time pass. Rejects when the demo ends. */
export async function pause({ clock, signal }: Ending, ms: number): Promise<void> {
  await sleep(clock, ms);
  signal.throwIfAborted();
}

/**
 * Asks until it is so, or for as long as patience lasts; then the last answer tells what is wrong. Rejects when the
 * demo ends.
 */
export async function until<T>(
  ending: Ending,
  ask: () => Promise<T>,
  so: (answer: T) => boolean,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const { clock } = ending;
  const startedAt = clock.now();
  for (;;) {
    const answer = await ask();
    if (so(answer) || clock.now() - startedAt > patienceMs) return answer;
    await pause(ending, PACE_MS);
  }
}
