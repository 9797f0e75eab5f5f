/** The middle of a list, its least and its greatest. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Throws for an empty list: a figure without a measurement is no figure. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error("nothing was measured");
  const sorted = values.toSorted((a, b) => a - b);
  const half = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2,
    min: sorted[0]!,
    max: sorted.at(-1)!,
  };
}

/** Ours over theirs, pair by pair: only neighbours in time are compared, so that a noisy minute hurts both alike. */
export function ratios(ours: readonly number[], theirs: readonly number[]): Spread {
  if (ours.length !== theirs.length) throw new Error("a pair lacks its other half");
  return spread(ours.map((value, i) => value / theirs[i]!));
}

/** The value below which `share` (0 to 1) of a sorted list lies: the nearest rank. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) throw new Error("nothing was measured");
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;
}
