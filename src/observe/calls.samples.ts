import type { NewSample } from "../core/calls.ts";
import { isJudged, isSuccess, type Outcome } from "../core/outcome.ts";
import type { Random } from "../core/random.ts";
import type { HistorySettings } from "../core/settings.service.ts";

/**
 * Single calls that are not written down yet, at most so many a second: of a second that has more, each has the same
 * chance to be kept (Vitter's algorithm R), so that a flood neither fills the disk nor hides all but its first moment.
 */
export interface HeldSamples {
  configure(settings: Pick<HistorySettings, "samples" | "samplesRate">): void;
  /** `make` is called for a call that is kept. `at`: Unix milliseconds. */
  add(at: number, outcome: Outcome, make: () => NewSample): void;
  /** Takes the oldest. */
  take(max: number): NewSample[];
  /** They could not be written: kept on while there is room. */
  giveBack(samples: readonly NewSample[]): void;
  readonly size: number;
}

const SECOND_MS = 1_000;
/** Held while they can't be written; beyond them new ones are let go. */
const MAX_HELD = 65_536;

export function createHeldSamples(random: Random): HeldSamples {
  let held: NewSample[] = [];
  let which: HistorySettings["samples"] = "none";
  /** How long one span is, and how many of it are kept: a rate below one is one in a longer span. */
  let spanMs = SECOND_MS;
  let most = 0;
  let span = -1;
  let seen = 0;
  /** Where the span begins in `held`; below 0 where some of it were taken already. */
  let begin = 0;

  return {
    get size() {
      return held.length;
    },
    configure({ samples, samplesRate }) {
      which = samplesRate > 0 ? samples : "none";
      spanMs = SECOND_MS / Math.min(samplesRate, 1);
      most = Math.max(Math.floor(samplesRate), 1);
    },
    add(at, outcome, make) {
      if (which === "none" || (which === "failures" && !(isJudged(outcome) && !isSuccess(outcome)))) return;
      const now = Math.floor(at / spanMs);
      if (now !== span) {
        span = now;
        seen = 0;
        begin = held.length;
      }
      seen++;
      if (seen <= most) {
        if (held.length < MAX_HELD) held.push(make());
        return;
      }
      const place = begin + Math.floor(random.float() * seen);
      if (place >= 0 && place < Math.min(begin + most, held.length)) held[place] = make();
    },
    take(max) {
      const taken = held.slice(0, max);
      held = held.slice(max);
      begin -= taken.length;
      return taken;
    },
    giveBack(samples) {
      const room = Math.max(MAX_HELD - held.length, 0);
      const back = samples.slice(0, room);
      held = [...back, ...held];
      begin += back.length;
    },
  };
}
