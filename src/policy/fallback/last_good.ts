import { hash } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import type { Exchange } from "../../core/exchange.ts";
import { headerValue, type RawHeaders } from "../../core/headers.ts";
import { compileValueRef } from "../values.ts";
import type { LastGoodStore } from "./last_good.store.ts";
import type { FallbackStrategy, SettingsOf } from "./strategy.ts";

/**
 * Answers with the newest good response for the same key, no older than `max_age`, and says how old it is in `Age`
 * (RFC 9111 section 5.1). Where a part of a given `key` is missing, nothing is kept and nothing answered: callers
 * without it would share one entry.
 */
export function lastGood(settings: SettingsOf<"last_good">, store: LastGoodStore, clock: Clock): FallbackStrategy {
  const keyOf = compileKey(settings.key);
  return {
    name: "last_good",
    answer(x) {
      const key = keyOf(x);
      const good = key === null ? null : store.get(key);
      if (key === null || good === null) return null;
      const ageMs = clock.now() - good.at;
      if (ageMs > settings.maxAgeMs) {
        store.remove(key);
        return null;
      }
      const age = String(good.age + Math.floor(ageMs / 1000));
      return { status: good.status, headers: [...good.headers, "Age", age], body: good.body };
    },
    remember(x, answer) {
      const key = answer.worth === "ok" && answer.stream === null ? keyOf(x) : null;
      if (key === null) return;
      const { status, headers, body } = answer;
      store.put(key, { status, headers: keepable(headers), body, at: clock.now(), age: ageOf(headers) });
    },
  };
}

type KeyOf = (x: Exchange) => string | null;

function compileKey(refs: SettingsOf<"last_good">["key"]): KeyOf {
  if (refs === null) return defaultKey;
  const readers = refs.map(compileValueRef);
  return (x) => {
    const parts = [x.route.key];
    for (const read of readers) {
      const value = read(x);
      if (value === undefined) return null;
      parts.push(value);
    }
    return digest(parts);
  };
}

/** Method, target with its query, the body, and who asks. */
function defaultKey(x: Exchange): string {
  const body = hash("sha256", x.body, "base64");
  return digest([x.route.key, x.method, x.target, x.rest, body, ...credentials(x.headers)]);
}

// Every line of both, so that two cookies in two lines are not taken for one of them.
function credentials(headers: RawHeaders): string[] {
  const found: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] ?? "").toLowerCase();
    if (name === "authorization" || name === "cookie") found.push(name, headers[i + 1] ?? "");
  }
  return found;
}

/** One key of fixed length; the lengths keep ["a", "bc"] and ["ab", "c"] apart. */
function digest(parts: readonly string[]): string {
  return hash("sha256", parts.map((part) => `${part.length}:${part}`).join(""), "base64");
}

/** What may be sent to another caller later: no cookies, and the Age is told anew. */
function keepable(headers: RawHeaders): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? "";
    const lower = name.toLowerCase();
    if (lower !== "set-cookie" && lower !== "set-cookie2" && lower !== "age") kept.push(name, headers[i + 1] ?? "");
  }
  return kept;
}

function ageOf(headers: RawHeaders): number {
  const text = headerValue(headers, "age")?.trim() ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}
