import type { Clock, Timer } from "../core/clock.ts";
import { answered } from "./answered.ts";
import type { Objection, Proposal, Reading, Registers } from "./port.ts";
import { EMPTY, next, proposalOf, type Register, type RegisterEvent } from "./register.ts";

/** One replica's part in the agreement: it proposes what moved here, and hears what moved elsewhere. */
export interface Agreement {
  /** Something moved here. `firm`: an operator did it, so it stands whatever others did meanwhile. */
  moved(name: string, value: string, firm: boolean): void;
  /**
   * Calls `fn` once it is known whether the newest move of this name was the one that counted for all; at once, with
   * true, where none is undecided, and after {@link DECIDING_MS} in any case.
   */
  decided(name: string, fn: (ours: boolean) => void): void;
  /** What the others are known to hold of it, and how long ago they did it; null for nothing. */
  recall(name: string): { readonly value: string; readonly ageMs: number } | null;
  /** This replica objects to something for `ms`; 0 takes that back. */
  object(about: string, ms: number): void;
  /** What stands here is proposed where the others know nothing of it. */
  announce(): void;
  /** There is news: reads now instead of when the next reading is due. */
  refresh(): void;
  /** The connection was lost and is back: a server that forgot its last moments may count past them by now, so all is read. */
  reread(): void;
  /** Is what the others do known here? */
  readonly agreed: boolean;
  stop(): void;
}

export interface AgreementDeps {
  readonly clock: Clock;
  readonly registers: Registers;
  /** Names this replica among all. Holds no space. */
  readonly replica: string;
  readonly newId: () => string;
  /** Another replica made it so. */
  readonly apply: (name: string, value: string, ageMs: number) => void;
  /** What stands here otherwise than at a first start: proposed where the others know nothing of it. */
  readonly standing: () => Iterable<readonly [name: string, value: string]>;
  /** Others object to these, from now on. */
  readonly objections: (about: ReadonlySet<string>) => void;
  /** Whether the others can be heard has changed. `why` is for people. */
  readonly onChange: (agreed: boolean, why: string | null) => void;
}

/** Half of the second within which replicas are to see each other's moves: messages are quicker, but may be lost. */
export const POLL_MS = 500;
/** A question that is not answered within this time is taken for lost. */
export const ANSWER_MS = 1_000;
/** Whoever waits for a decision waits no longer than this. */
export const DECIDING_MS = 250;
/** Proposals under way at once: after an outage there may be many. */
const MAX_SENT = 64;

interface Waiter {
  readonly id: string;
  readonly fn: (ours: boolean) => void;
  readonly timer: Timer;
}

export function createAgreement(deps: AgreementDeps): Agreement {
  const { clock, registers } = deps;
  const known = new Map<string, Register>();
  const held = new Map<string, { readonly value: string; readonly since: number }>();
  const waiters = new Set<Waiter>();
  const due = new Set<string>();
  let sent = 0;
  let cursor = { epoch: "", since: 0 };
  let agreed = false;
  let objected = "";
  let reading = false;
  let again = false;
  let mistrusted = false;
  let stopped = false;
  let timer: Timer | null = null;

  const tell = (id: string, ours: boolean): void => {
    for (const waiter of waiters) {
      if (waiter.id !== id) continue;
      waiters.delete(waiter);
      clock.cancel(waiter.timer);
      waiter.fn(ours);
    }
  };

  const step = (name: string, event: RegisterEvent): void => {
    const { register, apply, decided } = next(known.get(name) ?? EMPTY, event);
    known.set(name, register);
    if (decided !== null) tell(decided.id, decided.ours);
    if (apply !== null) {
      held.set(name, { value: apply.value, since: clock.now() - apply.ageMs });
      deps.apply(name, apply.value, apply.ageMs);
    }
    if (register.wanted !== null) due.add(name);
    send();
  };

  const send = (): void => {
    for (const name of due) {
      if (!agreed || stopped || sent >= MAX_SENT) return;
      due.delete(name);
      const register = known.get(name) ?? EMPTY;
      const proposal = proposalOf(register, name, clock.now());
      if (proposal === null) continue;
      known.set(name, { ...register, sent: proposal.id });
      sent++;
      void ask(proposal);
    }
  };

  const ask = async (proposal: Proposal): Promise<void> => {
    const { name, id, value, ageMs } = proposal;
    const since = clock.now() - ageMs;
    try {
      const verdict = await answered(registers.propose(proposal), clock, ANSWER_MS);
      sent--;
      if (verdict.taken) held.set(name, { value, since });
      step(name, verdict.taken ? { type: "taken", id, version: verdict.version } : { type: "refused", id, ...verdict });
    } catch (error) {
      sent--;
      step(name, { type: "unknown", id });
      away(error);
    }
  };

  /** Nothing can be decided: each replica goes by its own, and everything is read anew when they are back. */
  const away = (error: unknown): void => {
    cursor = { epoch: "", since: 0 };
    if (!agreed || stopped) return;
    agreed = false;
    for (const { id } of waiters) tell(id, true);
    object([]);
    deps.onChange(false, error instanceof Error ? error.message : String(error));
  };

  const object = (objections: readonly Objection[]): void => {
    const others = objections.filter(({ replica }) => replica !== deps.replica).map(({ about }) => about);
    const all = [...new Set(others)].sort();
    const text = all.join("\n");
    if (text === objected) return;
    objected = text;
    deps.objections(new Set(all));
  };

  const readAll = async (): Promise<void> => {
    let whole = cursor.since === 0;
    const seen = new Set<string>();
    for (;;) {
      const page = await answered(registers.read(cursor.since), clock, ANSWER_MS);
      if (stopped) return;
      // Another memory, or one that lost its last moments: all of it is news.
      if (cursor.since > 0 && (page.epoch !== cursor.epoch || page.newest < cursor.since)) {
        cursor = { epoch: page.epoch, since: 0 };
        whole = true;
        seen.clear();
        continue;
      }
      cursor = { epoch: page.epoch, since: page.upTo };
      take(page, whole, seen);
      if (page.upTo >= page.newest) break;
    }
    if (whole || !agreed) complete(seen);
  };

  const take = (page: Reading, whole: boolean, seen: Set<string>): void => {
    for (const { name, ...change } of page.changes) {
      seen.add(name);
      step(name, { type: "heard", held: change, whole });
    }
    object(page.objections);
  };

  /** Everything was read, so what was not in it is not there. */
  const complete = (seen: ReadonlySet<string>): void => {
    for (const [name, { known: last }] of known) {
      if (last.version === 0 || seen.has(name)) continue;
      held.delete(name);
      step(name, { type: "missed" });
      // What is neither there nor wanted here need not be remembered.
      const { wanted, sent: underWay } = known.get(name) ?? EMPTY;
      if (wanted === null && underWay === null) known.delete(name);
    }
    announce();
    const before = agreed;
    agreed = true;
    if (!before) deps.onChange(true, null);
    send();
  };

  const announce = (): void => {
    for (const [name, value] of deps.standing()) {
      const register = known.get(name) ?? EMPTY;
      if (register.known.version === 0 && register.wanted === null) moved(name, value, false);
    }
  };

  const moved = (name: string, value: string, firm: boolean): void => {
    step(name, { type: "moved", wanted: { id: deps.newId(), value, at: clock.now(), firm } });
  };

  const refresh = async (): Promise<void> => {
    if (stopped) return;
    again = true;
    if (reading) return;
    reading = true;
    if (timer !== null) clock.cancel(timer);
    timer = null;
    while (again && !stopped) {
      again = false;
      if (mistrusted) cursor = { epoch: "", since: 0 };
      mistrusted = false;
      await readAll().catch(away);
    }
    reading = false;
    if (!stopped) timer = clock.after(POLL_MS, () => void refresh(), undefined);
  };

  void refresh();
  return {
    moved,
    announce,
    decided(name, fn) {
      const id = known.get(name)?.wanted?.id;
      if (id === undefined || !agreed) return fn(true);
      waiters.add({ id, fn, timer: clock.after(DECIDING_MS, () => tell(id, true), undefined) });
    },
    recall(name) {
      const found = held.get(name);
      return found === undefined ? null : { value: found.value, ageMs: clock.now() - found.since };
    },
    object(about, ms) {
      if (agreed) registers.object(`${deps.replica} ${about}`, ms).catch(away);
    },
    refresh: () => void refresh(),
    reread() {
      mistrusted = true;
      void refresh();
    },
    get agreed() {
      return agreed;
    },
    stop() {
      stopped = true;
      if (timer !== null) clock.cancel(timer);
      for (const { id } of waiters) tell(id, true);
    },
  };
}
