import type { Got } from "./app.ts";
import type { ToyAnswer } from "./toy.ts";

/** What a toy upstream received, in order. */
export interface ToyRecord {
  /** The newest {@link KEPT}; the counts are of all. */
  readonly seen: readonly ToySeen[];
  /** Requests but for probes. */
  calls(): number;
  /** Requests to `/health`. */
  probes(): number;
  /** Resolves once `n` calls, or probes, have come, all told. */
  called(n: number): Promise<void>;
  probed(n: number): Promise<void>;
}

export interface ToySeen extends Got {
  readonly probe: boolean;
  /** What the toy was about to do with it. */
  readonly answer: ToyAnswer;
}

const KEPT = 10_000;

export function isProbe({ url }: Pick<Got, "url">): boolean {
  return url === "/health" || url.startsWith("/health?");
}

export interface ToyLedger extends ToyRecord {
  add(got: Got, answer: ToyAnswer): void;
}

export function createToyLedger(): ToyLedger {
  const seen: ToySeen[] = [];
  const counts = { call: 0, probe: 0 };
  let waiting: { readonly done: () => boolean; readonly resolve: () => void }[] = [];
  const until = (kind: keyof typeof counts, n: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): boolean => counts[kind] >= n;
      if (done()) resolve();
      else waiting.push({ done, resolve });
    });
  return {
    seen,
    calls: () => counts.call,
    probes: () => counts.probe,
    called: (n) => until("call", n),
    probed: (n) => until("probe", n),
    add(got, answer) {
      const probe = isProbe(got);
      counts[probe ? "probe" : "call"]++;
      seen.push({ ...got, probe, answer });
      if (seen.length > KEPT) seen.shift();
      for (const one of waiting) if (one.done()) one.resolve();
      waiting = waiting.filter((one) => !one.done());
    },
  };
}
