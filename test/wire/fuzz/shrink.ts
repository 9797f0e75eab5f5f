import type { Case } from "./cases.ts";

/**
 * The smallest of these cases that still fails: one caller alone, with as few changes as will do. Null where no caller
 * fails alone.
 */
export async function shrink(
  cases: readonly Case[],
  fails: (cases: readonly Case[]) => Promise<boolean>,
): Promise<readonly Case[] | null> {
  for (const one of cases) if (await fails([one])) return [await simplify(one, fails)];
  return null;
}

async function simplify(one: Case, fails: (cases: readonly Case[]) => Promise<boolean>): Promise<Case> {
  for (const simpler of simplerOnes(one)) if (await fails([simpler])) return simplify(simpler, fails);
  return one;
}

function simplerOnes(one: Case): Case[] {
  const without = <T>(list: readonly T[]): T[][] => list.map((_, i) => list.toSpliced(i, 1));
  return [
    ...without(one.requestEdits).map((requestEdits) => ({ ...one, requestEdits })),
    ...without(one.answerEdits).map((answerEdits) => ({ ...one, answerEdits })),
    ...(one.cuts.length > 0 ? [{ ...one, cuts: [] }] : []),
    ...(one.leaves ? [{ ...one, leaves: false }] : []),
    ...(one.early ? [{ ...one, early: false }] : []),
    ...(one.answerEnd === "keep" ? [] : [{ ...one, answerEnd: "keep" as const }]),
  ];
}
