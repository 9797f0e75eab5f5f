import { type Clock, sleep } from "../../core/clock.ts";

/** What has not happened after this does not happen, where a breaker is all that is waited for: at most 2 s. */
const PATIENCE_MS = 12_000;
const PACE_MS = 20;

/** Asks until it is so, or for as long as patience lasts; then the last answer tells what is wrong. */
export async function until<T>(
  clock: Clock,
  ask: () => Promise<T>,
  so: (answer: T) => boolean,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const startedAt = clock.now();
  for (;;) {
    const answer = await ask();
    if (so(answer) || clock.now() - startedAt > patienceMs) return answer;
    await sleep(clock, PACE_MS);
  }
}
