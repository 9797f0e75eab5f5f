import fc from "fast-check";
import { expect, test } from "vitest";
import type { Proposal } from "../../src/shared/port.ts";
import { EMPTY, next, proposalOf, type Register, type RegisterEvent } from "../../src/shared/register.ts";
import { createRegisters } from "../help/registers.ts";

/** One register among replicas, whatever comes late, twice, out of order or not at all. */

type Action =
  | { readonly type: "move"; readonly replica: number; readonly firm: boolean }
  /** Its proposal gets there, again where it did before; `answered`: and the answer is on its way. */
  | { readonly type: "propose"; readonly replica: number; readonly answered: boolean }
  | { readonly type: "again"; readonly replica: number }
  | { readonly type: "answer"; readonly replica: number }
  | { readonly type: "lose"; readonly replica: number }
  | { readonly type: "read"; readonly replica: number; readonly whole: boolean }
  | { readonly type: "forget" }
  | { readonly type: "rewind" };

const replica = fc.nat(1);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("move" as const), replica, firm: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant("propose" as const), replica, answered: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("again" as const), replica }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant("answer" as const), replica }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("lose" as const), replica }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("read" as const), replica, whole: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constantFrom({ type: "forget" as const }, { type: "rewind" as const }) },
);

/** A replica: what it goes by, its register, what it sent and what is on its way to it. */
interface Replica {
  value: string;
  register: Register;
  sent: Proposal | null;
  /** Its connection: it reads everything before it proposes again. */
  lost: boolean;
  /** Every proposal it ever sent: any may come again. */
  readonly old: Proposal[];
  readonly coming: RegisterEvent[];
}

async function play(actions: readonly Action[]) {
  const registers = createRegisters({ wall: () => 0 });
  const replicas = Array.from(
    { length: 2 },
    (): Replica => ({ value: "", register: EMPTY, sent: null, lost: true, old: [], coming: [] }),
  );
  let moves = 0;
  const step = (one: Replica, event: RegisterEvent): void => {
    const { register, apply } = next(one.register, event);
    one.register = register;
    if (apply !== null) one.value = apply.value;
  };
  const propose = async (one: Replica): Promise<RegisterEvent | null> => {
    if (one.lost) return null;
    const proposal = one.sent ?? proposalOf(one.register, "it", 0);
    if (proposal === null) return null;
    one.register = { ...one.register, sent: proposal.id };
    one.sent = proposal;
    one.old.push(proposal);
    const verdict = await registers.propose(proposal);
    return verdict.taken
      ? { type: "taken", id: proposal.id, version: verdict.version }
      : { type: "refused", id: proposal.id, held: verdict.held };
  };
  const read = async (one: Replica, whole: boolean): Promise<void> => {
    if (whole) one.lost = false;
    const held = registers.held.get("it");
    if (held !== undefined) return step(one, { type: "heard", held, whole });
    if (!whole) return;
    step(one, { type: "missed" });
    // Whoever stands otherwise than at a first start says so.
    if (one.register.wanted === null && one.value !== "") move(one, one.value, false);
  };
  const move = (one: Replica, value: string, firm: boolean): void => {
    one.value = value;
    step(one, { type: "moved", wanted: { id: `m${++moves}`, value, at: 0, firm } });
  };
  const lose = (one: Replica): void => {
    if (one.sent !== null) step(one, { type: "unknown", id: one.sent.id });
    one.sent = null;
    one.coming.length = 0;
    one.lost = true;
  };
  const answer = (one: Replica): void => {
    const event = one.coming.shift();
    if (event === undefined) return;
    one.sent = null;
    step(one, event);
  };

  for (const one of actions) {
    if (one.type === "forget" || one.type === "rewind") {
      registers[one.type]();
      // It was started anew, so every connection was lost, and is read whole by whoever comes back.
      for (const each of replicas) lose(each);
      continue;
    }
    const own = replicas[one.replica] as Replica;
    switch (one.type) {
      case "move":
        move(own, `v${moves}`, one.firm);
        break;
      case "propose": {
        if (own.coming.length > 0) break;
        const event = await propose(own);
        if (event !== null && one.answered) own.coming.push(event);
        break;
      }
      case "again":
        for (const proposal of own.old) await registers.propose(proposal);
        break;
      case "answer":
        answer(own);
        break;
      case "lose":
        lose(own);
        break;
      case "read":
        await read(own, one.whole || own.lost);
    }
  }
  return { registers, replicas, propose, read, step, lose };
}

/** Nothing is on its way any more, and everyone reads everything, and proposes what they still want. */
async function settle({ replicas, propose, read, step, lose }: Awaited<ReturnType<typeof play>>): Promise<void> {
  for (let round = 0; round < 8; round++) {
    for (const one of replicas) {
      lose(one);
      await read(one, true);
      const event = await propose(one);
      one.sent = null;
      if (event !== null) step(one, event);
    }
  }
}

test("whatever interleaves, comes twice or is lost: in the end all replicas go by what the register holds", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { size: "max", maxLength: 80 }), async (actions) => {
      const played = await play(actions);
      await settle(played);
      const held = played.registers.held.get("it")?.value ?? "";
      expect(played.replicas.map(({ value }) => value)).toEqual([held, held]);
      expect(played.replicas.every(({ register }) => register.wanted === null && register.sent === null)).toBe(true);
    }),
    { numRuns: 3000 },
  );
});

test("of two moves from one version the first counts, and the other replica takes it over", () => {
  const moved = next(EMPTY, { type: "moved", wanted: { id: "b1", value: "closed", at: 0, firm: false } }).register;
  const sent = { ...moved, sent: "b1" };
  const held = { version: 1, id: "a1", value: "open", ageMs: 5 };
  const step = next(sent, { type: "refused", id: "b1", held });
  expect(step.apply).toEqual(held);
  expect(step.decided).toEqual({ id: "b1", ours: false });
  expect(proposalOf(step.register, "it", 0)).toBeNull();
});

test("what an operator did is proposed again over what won meanwhile", () => {
  const moved = next(EMPTY, { type: "moved", wanted: { id: "b1", value: "closed", at: 10, firm: true } }).register;
  const held = { version: 4, id: "a1", value: "open", ageMs: 5 };
  const step = next({ ...moved, sent: "b1" }, { type: "refused", id: "b1", held });
  expect([step.apply, step.decided]).toEqual([null, null]);
  expect(proposalOf(step.register, "it", 25)).toEqual({ name: "it", id: "b1", from: 4, value: "closed", ageMs: 15 });
});
