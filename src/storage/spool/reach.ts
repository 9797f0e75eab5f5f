/**
 * Where among the waiting there is something to find, so that nobody looks through all of them: the oldest lies above a
 * floor, and none expires before a certain time. Both may be too low, and never too high.
 */
export interface Reach {
  /** No job waits at this seq or below. */
  floor: number;
  /** Nothing that waits is too old before this time of the spool. */
  expiresFrom: number;
  /** This one waits, from now on or still. */
  waits(seq: number, expires: number): void;
  /** Nothing is known. */
  reset(): void;
}

export function createReach(): Reach {
  return {
    floor: 0,
    expiresFrom: 0,
    waits(seq, expires) {
      if (seq <= this.floor) this.floor = seq - 1;
      if (expires < this.expiresFrom) this.expiresFrom = expires;
    },
    reset() {
      this.floor = 0;
      this.expiresFrom = 0;
    },
  };
}
