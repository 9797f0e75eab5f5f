import type { Held, Proposal } from "./port.ts";

/**
 * What one replica knows and wants of one register: a pure machine, `(register, event) → step`. However the words of
 * replicas interleave, get lost or come twice, all end up with what the register holds.
 */
export interface Register {
  /** The version this replica goes by, and the id that made it; version 0 where the register was empty. */
  readonly known: { readonly version: number; readonly id: string };
  /** A move of this replica that nobody has decided yet. */
  readonly wanted: Wanted | null;
  /** The id of the proposal that is under way; null where none is. */
  readonly sent: string | null;
  /** What was heard while a firm move was wanted: if it came after that, it counts. */
  readonly passed: Held | null;
}

export interface Wanted {
  readonly id: string;
  readonly value: string;
  /** `Clock.now()` when it was made. */
  readonly at: number;
  /** It stands whatever others did meanwhile: an operator's. */
  readonly firm: boolean;
}

export type RegisterEvent =
  | { readonly type: "moved"; readonly wanted: Wanted }
  /** The proposal under way was taken. */
  | { readonly type: "taken"; readonly id: string; readonly version: number }
  /** It was not, for this is in force. */
  | { readonly type: "refused"; readonly id: string; readonly held: Held | null }
  /** Nobody knows what became of it. */
  | { readonly type: "unknown"; readonly id: string }
  /** A reading had it. `whole`: of everything, so that it is true even of an older version. */
  | { readonly type: "heard"; readonly held: Held; readonly whole: boolean }
  /** A reading of everything did not have it. */
  | { readonly type: "missed" };

export interface Step {
  readonly register: Register;
  /** Take this over. */
  readonly apply: Held | null;
  /** What became of the wanted move with this id, where that is known now. */
  readonly decided: { readonly id: string; readonly ours: boolean } | null;
}

export const EMPTY: Register = { known: { version: 0, id: "" }, wanted: null, sent: null, passed: null };

/** The transition function. Whoever holds the register proposes afterwards what {@link proposalOf} says. */
export function next(register: Register, event: RegisterEvent): Step {
  switch (event.type) {
    case "moved":
      // Of two moves that nobody has decided the last one counts; whoever waits for the first need not any more.
      return {
        register: { ...register, wanted: event.wanted },
        apply: null,
        decided: register.wanted === null ? null : { id: register.wanted.id, ours: true },
      };
    case "unknown":
      return { register: ended(register, event.id), apply: null, decided: null };
    case "taken":
      return won(ended(register, event.id), event.id, event.version);
    case "refused": {
      const own = ended(register, event.id);
      // The next proposal is made from what is in force, so nothing can have passed it.
      if (event.held !== null) return heard({ ...own, passed: null }, event.held, false);
      // It was lost there: what this replica last knew is void, and the move is proposed anew.
      return { register: { ...own, known: EMPTY.known, passed: null }, apply: null, decided: null };
    }
    case "heard":
      return heard(register, event.held, event.whole);
    case "missed":
      return { register: { ...register, known: EMPTY.known, passed: null }, apply: null, decided: null };
  }
}

/** What to propose now; null where nothing is wanted, or one is under way. */
export function proposalOf(register: Register, name: string, now: number): Proposal | null {
  const { wanted, sent, known } = register;
  if (wanted === null || sent !== null) return null;
  return { name, id: wanted.id, from: known.version, value: wanted.value, ageMs: Math.max(now - wanted.at, 0) };
}

function ended(register: Register, id: string): Register {
  return register.sent === id ? { ...register, sent: null } : register;
}

function won(register: Register, id: string, version: number): Step {
  const { wanted, passed } = register;
  // A reading may have told already, and of what came after, too.
  const known = version > register.known.version ? { version, id } : register.known;
  const then = { ...register, known };
  const decided = { id, ours: true };
  // What is wanted now was wanted in full knowledge of what came after.
  if (wanted !== null && wanted.id !== id) return { register: then, apply: null, decided };
  const apply = passed !== null && passed.version > version ? passed : null;
  return { register: { ...then, wanted: null, passed: null }, apply, decided };
}

function heard(register: Register, held: Held, whole: boolean): Step {
  const { known, wanted } = register;
  // What was known of another memory, or of moments that this one lost, is void.
  const own = whole ? { ...register, known: EMPTY.known, passed: null } : register;
  if (held.id === wanted?.id) return won(own, held.id, held.version);
  const same = held.version === known.version && held.id === known.id;
  const old = held.version < known.version && !whole;
  if (same || old) return { register, apply: null, decided: null };
  const then = { ...own, known: { version: held.version, id: held.id } };
  if (wanted === null) return { register: then, apply: held, decided: null };
  const passed = then.sent === null ? null : held;
  if (wanted.firm) return { register: { ...then, passed }, apply: null, decided: null };
  return { register: { ...then, wanted: null }, apply: held, decided: { id: wanted.id, ours: false } };
}
