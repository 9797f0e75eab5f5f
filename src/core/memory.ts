/**
 * The account of all bytes of bodies held at once, bounded by `limits.buffered`. Who takes must give back, exactly
 * once: the exchange remembers its own sum.
 */
export interface MemoryLedger {
  /** Books `bytes` if they fit under the limit; false books nothing. */
  take(bytes: number): boolean;
  /** Would they fit now? */
  fits(bytes: number): boolean;
  give(bytes: number): void;
  readonly held: number;
  /** A new limit from the next `take` on; what is held stays held. */
  limit: number;
}

export function createMemoryLedger(limit: number): MemoryLedger {
  let held = 0;
  return {
    limit,
    fits(bytes) {
      return held + bytes <= this.limit;
    },
    take(bytes) {
      if (!this.fits(bytes)) return false;
      held += bytes;
      return true;
    },
    give(bytes) {
      held -= bytes;
    },
    get held() {
      return held;
    },
  };
}
