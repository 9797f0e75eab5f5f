import { arrayItems } from "../../core/jsontext.ts";
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
      const items = list === undefined ? null : arrayItems(list);
      if (list === undefined || items === null || items.length === 0) return null;
      const picked = draw(items, settings.count, random).map(({ start, end }) => list.slice(start, end));
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

/** The first `count` steps of a shuffle (Fisher and Yates), which moves the items of `from`. */
function draw<T>(from: T[], count: number, random: Random): T[] {
  const end = Math.min(count, from.length);
  for (let i = 0; i < end; i++) {
    const j = i + random.below(from.length - i);
    const item = from[j] as T;
    from[j] = from[i] as T;
    from[i] = item;
  }
  return from.slice(0, end);
}
