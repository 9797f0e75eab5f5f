import type { Random } from "../core/random.ts";
import type { RetrySettings } from "../core/settings.route.ts";

type Waits = Pick<RetrySettings, "initialMs" | "maxMs" | "factor" | "jitter">;

/** The longest wait before the `n`-th repeat on the same upstream (n = 1 for the first), without jitter. */
export function backoffCeilingMs(retry: Omit<Waits, "jitter">, n: number): number {
  return Math.min(retry.maxMs, retry.initialMs * retry.factor ** (n - 1));
}

/**
 * The wait before the `n`-th repeat: full jitter `random(0, ceiling)`, equal jitter half of it fixed, or none
 * ("Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
 */
export function backoffMs(retry: Waits, n: number, random: Random): number {
  const ceiling = backoffCeilingMs(retry, n);
  switch (retry.jitter) {
    case "full":
      return random.float() * ceiling;
    case "equal":
      return ceiling / 2 + (random.float() * ceiling) / 2;
    case "none":
      return ceiling;
  }
}
