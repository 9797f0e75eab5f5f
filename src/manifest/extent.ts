/** What reading a manifest costs, as far as it can be counted before it is spent. */
export interface Extent {
  /** The manifest's own, and all that it names. */
  readonly files: number;
  /** Of these files together. */
  readonly bytes: number;
  /** Of `include`: to follow one is as much work as the folders hold, whatever is like it. */
  readonly patterns: number;
  /** Maps, lists and scalars, again for each alias that repeats them. */
  readonly values: number;
  readonly routes: number;
}

/** Told of work before it is done. May throw {@link TooMuch}, which ends the reading. */
export type Spend = (what: keyof Extent, n: number) => void;

/** No problem of the manifest: whoever set the bound reads it elsewhere. */
export class TooMuch extends Error {}

/** What is read once is bounded by itself: files in their size and number, aliases in what they unfold to. */
export const freely: Spend = () => undefined;

/** Lets so much be done, and no more. */
export function within(most: Extent): Spend {
  const left = { ...most };
  return (what, n) => {
    left[what] -= n;
    if (left[what] < 0) throw new TooMuch(`more than ${most[what]} ${what}`);
  };
}
