import type { MoveReason } from "./health.ts";
import type { BreakerId, StoredPin, UpstreamId } from "./stored.ts";

/**
 * What replicas tell each other of their machines. Clocks of two machines differ, so times are how long ago something
 * was, or how long is left, in milliseconds as of the moment that the word is heard.
 */

export interface PeerBreaker {
  readonly kind: "closed" | "open" | "half_open";
  /** As in the event: what led here. */
  readonly cause: string;
  readonly ageMs: number;
  /** Until a first trial may start; 0 unless open. */
  readonly leftMs: number;
  readonly reopenings: number;
}

/** An upstream that is being tried stands apart from no other: trials are each replica's own, so it is away. */
export interface PeerStanding {
  readonly kind: "serving" | "away";
  /** Why it is away; null where it serves. */
  readonly cause: MoveReason | null;
  readonly ageMs: number;
  readonly holdMs: number;
  /** How long ago it last came back; null if never. */
  readonly returnedMs: number | null;
}

/** A word of one replica to the others. `pin` is null where an operator released the app. */
export type PeerWord =
  | { readonly about: "breaker"; readonly id: BreakerId; readonly state: PeerBreaker }
  | { readonly about: "upstream"; readonly id: UpstreamId; readonly state: PeerStanding }
  | { readonly about: "pin"; readonly app: string; readonly pin: StoredPin | null };
