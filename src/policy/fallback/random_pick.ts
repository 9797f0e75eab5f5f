import { countItems, itemsAt } from "../../core/jsontext.ts";
import { parsePointer } from "../../core/pointer.ts";
import type { Random } from "../../core/random.ts";
import type { JsonValue } from "../../core/settings.route.ts";
import { compileJsonReader } from "../values.ts";
import { compileAnswer } from "./body.ts";
import type { FallbackStrategy, SettingsOf } from "./strategy.ts";

/**
 * Picks `count` of the items at `from` in the request body: every item as likely as every other, none twice, each
 * copied as the bytes it was. With fewer items than `count` all of them are picked; with none there is no answer.
 * One pick stands for itself, several (`count` above 1) as an array, in the order drawn.
 */
export function randomPick(settings: SettingsOf<"random_pick">, random: Random): FallbackStrategy {
  const read = compileJsonReader({ kind: "body", pointer: settings.from });
  const answer = compileAnswer(
    settings.status,
    settings.body ?? envelopeAt(parsePointer(settings.as) ?? []),
    "with pick",
  );
  return {
    name: "random_pick",
    answer(x) {
      const list = read(x);
      const among = list === undefined ? null : countItems(list);
      if (list === undefined || among === null || among === 0) return null;
      const picked = itemsAt(list, draw(among, settings.count, random));
      return answer(x, settings.count === 1 ? picked[0] : `[${picked.join(",")}]`);
    },
  };
}

/** `{"success":true,"data":{…the names of the pointer…: pick}}`. */
function envelopeAt(tokens: readonly string[]): JsonValue {
  // Entries, since a name such as `__proto__` would otherwise be no member.
  const data = tokens.reduceRight<JsonValue>((inner, token) => Object.fromEntries([[token, inner]]), "{pick}");
  return { success: true, data };
}

/**
 * The first `count` steps of a shuffle of 0 … n-1 (Fisher and Yates). Only the numbers that moved are written down, so
 * that a pick costs what it picks, not what it picks from.
 */
function draw(n: number, count: number, random: Random): number[] {
  const drawn: number[] = [];
  const moved = new Map<number, number>();
  for (let i = 0; i < Math.min(count, n); i++) {
    const j = i + random.below(n - i);
    drawn.push(moved.get(j) ?? j);
    moved.set(j, moved.get(i) ?? i);
  }
  return drawn;
}
