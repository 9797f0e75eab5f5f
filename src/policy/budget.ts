/** The retry budget of one upstream: repeats stay a small share of what is sent, however many requests fail. */

export interface RetryBudget {
  /** Books one send, first tries and repeats alike. */
  sent(now: number): void;
  /**
   * May a repeat be made? True books it, until {@link retryEnded}. Ask before its backoff, so that a waiting repeat
   * counts as in flight.
   */
  tryRetry(now: number, percent: number): boolean;
  retryEnded(): void;
  readonly inFlight: number;
}

const SECONDS = 10;
/** So many repeats may be in flight whatever the share: an upstream with little traffic may still be retried. */
export const RETRIES_IN_FLIGHT = 3;

/**
 * Counts over the last ten seconds, in ten cells of one second: fixed memory at any rate. The share is taken of
 * the sends that were no repeats, so that an upstream never sees more than 1 + percent/100 of the first tries.
 */
export function createRetryBudget(): RetryBudget {
  const sends = new Float64Array(SECONDS);
  const retries = new Float64Array(SECONDS);
  let second = 0;
  let sendSum = 0;
  let retrySum = 0;
  let inFlight = 0;

  const cellAt = (now: number): number => {
    const current = Math.floor(now / 1000);
    const passed = Math.min(current - second, SECONDS);
    for (let i = 1; i <= passed; i++) {
      const cell = (second + i) % SECONDS;
      sendSum -= sends[cell] ?? 0;
      retrySum -= retries[cell] ?? 0;
      sends[cell] = 0;
      retries[cell] = 0;
    }
    if (passed > 0) second = current;
    return second % SECONDS;
  };

  return {
    sent(now) {
      const cell = cellAt(now);
      sends[cell] = (sends[cell] ?? 0) + 1;
      sendSum++;
    },
    tryRetry(now, percent) {
      const cell = cellAt(now);
      const first = Math.max(0, sendSum - retrySum);
      if (inFlight >= RETRIES_IN_FLIGHT && (retrySum + 1) * 100 > first * percent) return false;
      retries[cell] = (retries[cell] ?? 0) + 1;
      retrySum++;
      inFlight++;
      return true;
    },
    retryEnded() {
      if (inFlight > 0) inFlight--;
    },
    get inFlight() {
      return inFlight;
    },
  };
}
