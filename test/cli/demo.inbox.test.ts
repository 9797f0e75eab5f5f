import { expect, test } from "vitest";
import type { Seen } from "../../src/cli/demo/caller.ts";
import {
  acceptedIn,
  acceptedInTime,
  arrivedOf,
  isAccepted,
  knownAgain,
  receiptIn,
  repeatsIn,
} from "../../src/cli/demo/inbox.ts";
import { github } from "../../src/cli/demo/quiz.ts";
import { until } from "../../src/cli/demo/until.ts";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createManualClock } from "../help/manual-clock.ts";

/** A call of GitHub's that was answered with 202 and this delivery. */
function seen(id: string, more: Partial<Seen> & { readonly duplicate?: boolean } = {}): Seen {
  const { duplicate = false, ...rest } = more;
  return {
    hook: github({ event: "ping", body: Buffer.alloc(0) }, "s", { clock: systemClock, random: systemRandom }),
    ms: 10,
    status: 202,
    headers: [],
    body: Buffer.from(JSON.stringify({ id, status: "queued", duplicate })),
    outcome: "queued",
    reason: "",
    strategy: "",
    lost: null,
    ...rest,
  };
}

const lost = seen("", { status: 0, body: Buffer.alloc(0), lost: "socket hang up" });
const full = seen("x", { status: 503 });

function reported(...taken: readonly (readonly [Seen, number])[]) {
  const times = taken.map(([{ hook }, n]) => [hook.headers["X-GitHub-Delivery"], n]);
  return { seen: {}, verified: 0, refused: 0, takenMs: 0, taken: Object.fromEntries(times) };
}

test("only a 202 with an id is a receipt", () => {
  expect(receiptIn(seen("a"))).toEqual({ id: "a", duplicate: false });
  expect([seen("a"), lost, full, seen("a", { body: Buffer.from("{}") })].map(isAccepted)).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test("a call that is refused or answered after GitHub has left breaks the promise", () => {
  expect(acceptedInTime([seen("a"), seen("b", { ms: 10_000 })])).toMatchObject({ held: true, measured: "2 of 2" });
  expect(acceptedInTime([seen("a"), seen("b", { ms: 10_001 })]).held).toBe(false);
  expect(acceptedInTime([seen("a"), full]).held).toBe(false);
});

test("what arrives is held against what was accepted, each once, however often it was sent", () => {
  const [a, b] = [seen("a"), seen("b")];
  const again = { ...a, body: seen("a", { duplicate: true }).body };
  const accepted = acceptedIn([a, b, again, lost]);
  expect(accepted.size).toBe(2);
  expect(arrivedOf(accepted, reported([a, 1], [lost, 1]))).toBe(1);
  expect(arrivedOf(accepted, reported([a, 3], [b, 1]))).toBe(2);
  expect(repeatsIn(reported([a, 3], [b, 1]))).toBe(2);
});

test("a repeated call is known when it is said to be one, of the same delivery", () => {
  const a = seen("a");
  const known = { ...a, body: seen("a", { duplicate: true }).body };
  const kept = { ...a, body: seen("z", { duplicate: true }).body };
  expect(knownAgain([a], [known])).toBe(1);
  for (const other of [kept, a, seen("a", { duplicate: true }), { ...lost, hook: a.hook }])
    expect(knownAgain([a], [other])).toBe(0);
});

test("patience ends: the last answer is given, whatever it is", async () => {
  const clock = createManualClock();
  const ending = new AbortController();
  const { signal } = ending;
  expect(
    await until(
      { clock, signal },
      async () => 7,
      (n) => n === 7,
    ),
  ).toBe(7);
  let asked = 0;
  const never = until(
    { clock, signal },
    async () => {
      clock.advance(5_000);
      return ++asked;
    },
    () => {
      // The pause after it is over at once, too.
      queueMicrotask(() => queueMicrotask(() => clock.advance(20)));
      return false;
    },
  );
  expect(await never).toBe(3);
  const ended = until(
    { clock, signal },
    async () => 7,
    () => {
      ending.abort(new Error("the end"));
      queueMicrotask(() => queueMicrotask(() => clock.advance(20)));
      return false;
    },
  );
  await expect(ended).rejects.toThrow("the end");
});
