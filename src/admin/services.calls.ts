import type { CallRange, CallScope, CallSeries, StoredSample } from "../core/calls.ts";
import type { Page, PageRequest } from "../core/stored.ts";

/** Asks for a series: `stepMs` divides an hour, or is whole hours; both ends are widened to whole steps. */
export interface CallQuery extends CallRange {
  readonly stepMs: number;
}

/** The history of calls, with what is not written down yet. Every promise rejects while the history does not answer. */
export interface CallService {
  /** One for each of `scopes`, in their order; of one that nobody ever called, zeros. */
  series(scopes: readonly CallScope[], query: CallQuery): Promise<readonly CallSeries[]>;
  /** Is anything kept of it? A route of no manifest any more may have its history. */
  known(scope: CallScope): Promise<boolean>;
  /** Newest first. */
  samples(query: SampleQuery): Promise<Page<StoredSample>>;
}

export interface SampleQuery extends PageRequest {
  readonly app: string;
  readonly capability: string;
  /** Only those that are no success. */
  readonly failures: boolean;
}
