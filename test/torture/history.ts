import fc from "fast-check";
import { type Ack, type Dead, type Facts, isRefused, type Life, type Visit, type VisitEnd } from "./facts.ts";

/** Histories of a sidecar that keeps its promises, made of random choices: the verdict must find nothing in them. */

interface Step {
  /** Which of the jobs that may be sent now. */
  readonly pick: number;
  readonly end: VisitEnd;
  readonly kill: "none" | "before settling" | "after settling";
  readonly waitMs: number;
}

export interface Promised {
  readonly facts: Facts;
  /** Good answers that a kill made forgotten. */
  readonly repeated: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  pick: fc.nat(1_000),
  end: fc.constantFrom<VisitEnd>("good", "good", "good", "failed", "busy", "cut", "reset", "hung"),
  kill: fc.constantFrom("none", "none", "none", "before settling", "after settling"),
  waitMs: fc.double({ min: 0.001, max: 3_000, noNaN: true }),
});

const key = fc.constantFrom(null, "a", "b");
/** From 0: number 13 is refused. */
const keys = fc.array(key, { minLength: 1, maxLength: 20 });

export const promised: fc.Arbitrary<Promised> = fc.record({ keys, steps: fc.array(step, { maxLength: 60 }) }).map(live);

function live(given: { readonly keys: readonly (string | null)[]; readonly steps: readonly Step[] }): Promised {
  let now = 0;
  const seqs = new Map<string | null, number>();
  const acks = given.keys.map((key, number): Ack => {
    const seq = key === null ? -1 : (seqs.get(key) ?? 0);
    seqs.set(key, seq + 1);
    return { id: `id-${number}`, route: key === null ? "plain" : "ordered", number, key, seq, at: now++ };
  });
  const pending = [...acks];
  const visits: Visit[] = [];
  const dead: Dead[] = [];
  const lives: Life[] = [];
  let repeated = 0;
  const die = (): void => void lives.push({ n: lives.length + 1, endedAt: now++ });
  const send = ({ pick, end, kill, waitMs }: Step): void => {
    // Of a key, only the first.
    const due = pending.filter(({ key }, i) => key === null || pending.findIndex((other) => other.key === key) === i);
    const ack = due[pick % due.length];
    if (ack === undefined) return;
    const last = isRefused(ack.number) && end === "good" ? "refused" : end;
    const { id, route, number, seq } = ack;
    const attempt = visits.filter((visit) => visit.id === id).length;
    const arrivedAt = now++;
    now += waitMs;
    const life = lives.length + 1;
    visits.push({
      id,
      route,
      number,
      key: ack.key,
      seq,
      life,
      attempt,
      arrivedAt,
      endedAt: now++,
      end: last,
      whole: true,
    });
    const ended = last === "good" || last === "refused";
    if (ended && kill === "before settling") repeated += last === "good" ? 1 : 0;
    else if (ended) {
      pending.splice(pending.indexOf(ack), 1);
      if (last === "refused") dead.push({ id, reason: "permanent_status" });
    }
    if (kill !== "none") die();
  };
  for (const one of given.steps) send(one);
  while (pending.length > 0) send({ pick: 0, end: "good", kill: "none", waitMs: 1 });
  lives.push({ n: lives.length + 1, endedAt: Number.POSITIVE_INFINITY });
  return { facts: { acks, visits, dead, lives, outages: [] }, repeated };
}
