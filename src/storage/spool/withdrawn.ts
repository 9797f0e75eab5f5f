/** Leases that an operator ended: their workers may still say what they had sent by then. */
export interface Withdrawn {
  note(seq: number, attempt: number): void;
  /** Was it this lease? Asked once. */
  take(seq: number, attempt: number): boolean;
  /** It has another life: what was sent in the one before is not for it. */
  forget(seq: number): void;
}

/** Workers say within moments what they had sent: those of long ago never will. */
const MAX_KEPT = 1024;

export function createWithdrawn(): Withdrawn {
  /** The oldest first. */
  const attempts = new Map<number, number>();
  return {
    note(seq, attempt) {
      attempts.delete(seq);
      attempts.set(seq, attempt);
      const [first] = attempts.keys();
      if (attempts.size > MAX_KEPT && first !== undefined) attempts.delete(first);
    },
    take: (seq, attempt) => attempts.get(seq) === attempt && attempts.delete(seq),
    forget: (seq) => void attempts.delete(seq),
  };
}
