import { fieldName } from "../core/header.names.ts";
import { connectionNames, type RawHeaders } from "../core/headers.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import { CONNECTION, type Refusal, UNDERSCORE } from "./wire.refusal.ts";

/**
 * What only the route of a request can object to. A header by which it decides must reach the app as it was read: were it
 * taken away by `Connection`, the app would do something other than what was let through. And nothing may pose as such a
 * header, or as one that the route sets, at an app that can't tell `X_Env` from `X-Env` (CGI, WSGI).
 */
export interface Guarded {
  /** Lower case: no `Connection` header may name them. */
  readonly read: ReadonlySet<string>;
  /** From names with dashes alone to the only name, in lower case, that may come under it. */
  readonly twins: ReadonlyMap<string, string>;
}

/** Most routes guard no more than what `checkRequest` guards on all: they share this. */
const NONE: Guarded = Object.freeze({ read: new Set<string>(), twins: new Map<string, string>() });

/** `read` and `written`: header names in lower case, by which the route decides, and which it sets or signs with. */
export function guard(read: readonly string[], written: readonly string[]): Guarded {
  // What ends here anyway reaches no app: `Connection: Upgrade` is how every WebSocket begins.
  const reaching = read.filter((name) => !fieldName(name).hop && name !== "close");
  // A name that we write with an underscore has its copies dropped under both spellings.
  const own = written.filter((name) => !name.includes("_"));
  if (reaching.length + own.length === 0) return NONE;
  const twins = [...own, ...reaching].map((name): [string, string] => [fieldName(name).dashed, name]);
  return Object.freeze({ read: new Set(reaching), twins: new Map(twins) });
}

/** The headers by which a route decides, lower case, apart from those of its `inbound` and those it was chosen by. */
export function headersRead({ idempotency, orderBy, fallback }: RouteSettings): string[] {
  const names: string[] = [];
  // The caller's credentials are part of the key: an app that does not see them would say no to whoever has the key.
  if (idempotency !== null) names.push(idempotency.header, "authorization");
  if (orderBy?.key.kind === "header") names.push(orderBy.key.name);
  for (const one of fallback) {
    if (one.strategy !== "last_good") continue;
    // An answer to somebody without credentials must not be kept as one to who has them.
    if (one.key === null) names.push("authorization", "cookie");
    else for (const ref of one.key) if (ref.kind === "header") names.push(ref.name);
  }
  return names;
}

/** Asked of requests that `checkRequest` found unusual; of all where `Router.underscored`. Null: nothing to object to. */
export function checkGuarded(headers: RawHeaders, { read, twins }: Guarded): Refusal | null {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const { lower, dashed } = fieldName(headers[i] as string);
    if (lower === "connection") {
      for (const name of connectionNames(headers[i + 1] as string)) if (read.has(name)) return CONNECTION;
    }
    const real = twins.get(dashed);
    if (real !== undefined && real !== lower) return UNDERSCORE;
  }
  return null;
}
