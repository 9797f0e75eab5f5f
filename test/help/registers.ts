import type { Held, Objection, Proposal, Reading, Registers, Verdict } from "../../src/shared/port.ts";

/** Registers in memory: what Redis is to do, as a model, and whatever can go wrong with it. */
export interface TestRegisters extends Registers {
  /** From then on every question is lost, before it is heard. */
  away: boolean;
  /** Likewise, and nothing tells so: it does not answer. */
  silent: boolean;
  /** What is in force. */
  readonly held: ReadonlyMap<string, Held>;
  /** All is lost, as by a Redis without files. */
  forget(): void;
  /** The last change of each register is lost where there was one before, as by files that were written too late. */
  rewind(): void;
}

export interface TestRegistersDeps {
  readonly wall: () => number;
  /** Small, so that a few registers are several pages. */
  readonly page?: number;
}

interface Kept {
  readonly version: number;
  readonly id: string;
  readonly value: string;
  readonly at: number;
  readonly rev: number;
}

export function createRegisters({ wall, page = 3 }: TestRegistersDeps): TestRegisters {
  let epochs = 0;
  let rev = 0;
  let kept = new Map<string, Kept>();
  let before = new Map<string, Kept>();
  const objections = new Map<string, number>();
  const heldOf = ({ version, id, value, at }: Kept): Held => ({ version, id, value, ageMs: Math.max(wall() - at, 0) });

  const propose = ({ name, id, from, value, ageMs }: Proposal): Verdict => {
    const own = kept.get(name);
    if (own?.id === id) return { taken: true, version: own.version };
    if ((own?.version ?? 0) !== from) return { taken: false, held: own === undefined ? null : heldOf(own) };
    if (own !== undefined) before.set(name, own);
    if (epochs === 0) epochs = 1;
    kept.set(name, { version: from + 1, id, value, at: wall() - ageMs, rev: ++rev });
    return { taken: true, version: from + 1 };
  };
  const read = (since: number): Reading => {
    const changed = [...kept].filter(([, one]) => one.rev > since).sort(([, a], [, b]) => a.rev - b.rev);
    const found = changed.slice(0, page);
    const alive = [...objections].filter(([, until]) => until > wall());
    return {
      epoch: epochs === 0 ? "" : String(epochs),
      newest: rev,
      upTo: found.length < page ? rev : (found.at(-1)?.[1].rev ?? rev),
      changes: found.map(([name, one]) => ({ name, ...heldOf(one) })),
      objections: alive.map(
        ([text]): Objection => ({ replica: text.split(" ")[0] ?? "", about: text.replace(/^\S+ /, "") }),
      ),
    };
  };
  const ask = async <T>(act: () => T): Promise<T> => {
    if (self.away) throw new Error("away");
    if (self.silent) return new Promise(() => undefined);
    return act();
  };
  const self: TestRegisters = {
    away: false,
    silent: false,
    propose: (proposal) => ask(() => propose(proposal)),
    read: (since) => ask(() => read(since)),
    object: (objection, ms) =>
      ask(() => void (ms > 0 ? objections.set(objection, wall() + ms) : objections.delete(objection))),
    get held() {
      return new Map([...kept].map(([name, one]) => [name, heldOf(one)]));
    },
    forget() {
      kept = new Map();
      before = new Map();
      objections.clear();
      rev = 0;
      epochs = epochs === 0 ? 0 : epochs + 1;
    },
    rewind() {
      for (const [name, one] of before) kept.set(name, one);
      before = new Map();
      rev = Math.max(0, ...[...kept.values()].map((one) => one.rev));
    },
  };
  return self;
}
