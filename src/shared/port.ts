/**
 * Registers that replicas agree on, whoever keeps them. A register has a name and holds a text; each change has an id of
 * its own, makes the version one higher, and is made only from the version that its maker knew: of two, the first wins.
 */
export interface Registers {
  /** Proposes a change. The same proposal again, however late, changes nothing. Rejects where nobody can say. */
  propose(proposal: Proposal): Promise<Verdict>;
  /** What changed after `since`, oldest first, in pages; from 0 on it is all. Rejects likewise. */
  read(since: number): Promise<Reading>;
  /** This replica objects to something for `ms`; 0 takes that back. Rejects likewise. */
  object(objection: string, ms: number): Promise<void>;
}

export interface Proposal {
  readonly name: string;
  /** Unlike that of any other proposal of any replica. */
  readonly id: string;
  /** The version it was made from; 0 where there was none. */
  readonly from: number;
  readonly value: string;
  /** How long ago it was made. */
  readonly ageMs: number;
}

/** What a register holds. */
export interface Held {
  readonly version: number;
  /** Of the proposal that made it so. */
  readonly id: string;
  readonly value: string;
  readonly ageMs: number;
}

/** `held` is what is in force instead; null where the register is empty. */
export type Verdict =
  | { readonly taken: true; readonly version: number }
  | { readonly taken: false; readonly held: Held | null };

export interface Reading {
  /** Another one is another memory: what was read of the last one is void. Empty while nothing was ever kept. */
  readonly epoch: string;
  /** To ask from next. */
  readonly upTo: number;
  /** The newest change there is: beyond `upTo` there is another page. */
  readonly newest: number;
  readonly changes: readonly (Held & { readonly name: string })[];
  /** What any replica objects to now. */
  readonly objections: readonly Objection[];
}

export interface Objection {
  readonly replica: string;
  readonly about: string;
}
