import { createHmac } from "node:crypto";
import type { RequestVector } from "./vectors.ts";

/**
 * Requests that only their route makes wrong: what it reads must reach the app, and nothing may pose as it, nor as what
 * it sets. `routeManifest` has the routes.
 */

const SECRET = "a secret";
const BODY = "hi";
const SIGNATURE = createHmac("sha256", SECRET).update(BODY).digest("base64");

/** In every mode the header with the signature is the same; a passthrough route can only look at it as a token. */
const inbound = (mode: string): string =>
  mode === "passthrough"
    ? `{ verify: bearer, header: X-Shopify-Hmac-Sha256, secrets: ["${SIGNATURE}"] }`
    : `{ verify: hmac, header: X-Shopify-Hmac-Sha256, secrets: [${SECRET}] }`;

const webhook = (name: string, mode: string, more: string): string => `
      ${name}:
        mode: ${mode}
        path: /wire/${name}
        match: { path: "/wire/${name}/*" }
        retry: { attempts: 1 }
        breaker: { enabled: false }
        ${more}`;

/** Two routes on one path: where the header is not as the first wants it, the second is taken. */
const chosen = (name: string, mode: string, header: string): string[] =>
  [`headers: { ${header} }`, ""].map(
    (more, i) => `
      ${name}${i}:
        mode: ${mode}
        path: /wire/${name}
        match: { path: "/wire/${name}/*", ${more} }
        retry: { attempts: 1 }
        breaker: { enabled: false }`,
  );

export const routeManifest = (port: number, mode: string): string => `
apps:
  wire:
    owner: dev@wire.example
    url: "http://127.0.0.1:${port}"
    webhooks:
      next: { mode: ${mode}, path: /wire/next, match: { path: /wire/next } }
      ${[
        ...chosen("chosen", mode, "X-Tier: gold"),
        ...chosen("coded", mode, "X_Code: a"),
        webhook("signed", mode, `inbound: ${inbound(mode)}`),
        webhook("set", mode, "headers: { set: { X-Env: live, X_Zone: eu }, remove: [X-Debug, X_Trace] }"),
        ...(mode === "passthrough" ? [] : [webhook("keyed", mode, "idempotency: { header: X-Op }")]),
        ...(mode === "async" ? [webhook("ordered", mode, "order_by: { header: X-Room }")] : []),
        ...(mode === "sync"
          ? [webhook("kept", mode, "fallback: { strategy: last_good, key: [{ header: X-Tenant }] }")]
          : []),
      ].join("")}
`;

const at = (route: string, lines: string): string =>
  `POST /wire/${route}/x HTTP/1.1\r\nHost: wire.example\r\n${lines}Content-Length: 2\r\n\r\n${BODY}`;

/** A request with the header that the route reads passes; not where it would go without it, or with a twin. */
function reads(route: string, name: string, value: string): RequestVector[] {
  const real = `${name}: ${value}\r\n`;
  const twin = `${name.replaceAll("-", "_")}: ${value}\r\n`;
  return [
    passes(route, name, real, [`${name}: ${value}`]),
    passes(route, `${name}, and Connection that names another`, `${real}Connection: X-Hop\r\nX-Hop: 1\r\n`, [
      `${name}: ${value}`,
    ]),
    refused(route, `Connection: ${name}`, `${real}Connection: ${name}\r\n`),
    refused(
      route,
      "Connection names it last and small",
      `Connection: close\r\nConnection: a,${name.toLowerCase()} \r\n${real}`,
    ),
    refused(route, "a twin behind it", real + twin),
    refused(route, "a twin before it", twin.toLowerCase() + real),
  ];
}

/** Whose key it is: the app must see it, or its no to a stranger would be the answer to the key. */
const OF_B = "X-Op: 1\r\nAuthorization: Bearer b\r\nConnection: authorization\r\n";

/** A request goes past a route that was not taken because of what the app would then see in it all the same. */
const BESIDE: readonly RequestVector[] = [
  passes("chosen", "another value, by which the route beside it is taken", "X-Tier: silver\r\n", ["X-Tier: silver"]),
  refused("chosen", "a twin alone", "X_Tier: gold\r\n"),
  refused("chosen", "a twin of another value", "X-Tier: silver\r\nX_Tier: gold\r\n"),
  refused("chosen", "Connection names another value", "X-Tier: silver\r\nConnection: X-Tier\r\n"),
  passes("set", "by X-Tier nothing is chosen on this path", "X_Tier: gold\r\n", ["X_Tier: gold"]),
  passes("coded", "a name with an underscore", "X_Code: a\r\n", ["X_Code: a"]),
  refused("coded", "a twin of it, which has none", "X-Code: a\r\n"),
];

function refused(route: string, what: string, lines: string): RequestVector {
  return { name: `${route}: ${what}`, bytes: at(route, lines), refused: 400 };
}

function passes(
  route: string,
  what: string,
  lines: string,
  has: readonly string[],
  lacks: readonly string[] = [],
): RequestVector {
  const seen = { method: "POST", target: `/wire/${route}/x`, body: BODY };
  return { name: `${route}: ${what}`, bytes: at(route, lines), passes: [seen], has, lacks };
}

export function routeVectors(mode: "sync" | "async" | "passthrough"): readonly RequestVector[] {
  return [
    ...reads("signed", "X-Shopify-Hmac-Sha256", SIGNATURE),
    ...reads("chosen", "X-Tier", "gold"),
    ...BESIDE,
    ...(mode === "passthrough" ? [] : reads("keyed", "X-Op", "")),
    ...(mode === "passthrough" ? [] : [refused("keyed", "Connection: authorization", OF_B)]),
    ...(mode === "async" ? reads("ordered", "X-Room", "42") : []),
    ...(mode === "sync" ? reads("kept", "X-Tenant", "a") : []),
    { name: "set: a twin of X-Env", bytes: at("set", "X_Env: test\r\n"), refused: 400 },
    { name: "set: a twin of X-Env in small letters", bytes: at("set", "x_env: test\r\n"), refused: 400 },
    passes("set", "X-Env itself is replaced", "X-Env: test\r\n", ["X-Env: live"], ["X-Env: test"]),
    passes(
      "set",
      "X_Zone itself is replaced, whose name has an underscore",
      "X_Zone: us\r\nX-Zone: us\r\n",
      ["X_Zone: eu"],
      ["X_Zone: us", "X-Zone: us"],
    ),
    passes("set", "what is removed is gone", "X-Debug: 1\r\nX_Debug: 1\r\n", [], ["X-Debug: 1", "X_Debug: 1"]),
    passes("set", "also under a name with an underscore", "X_Trace: 1\r\n", [], ["X_Trace: 1"]),
  ];
}
