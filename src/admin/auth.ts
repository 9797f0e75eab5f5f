import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import ipaddr from "ipaddr.js";
import { problem } from "../core/problem.ts";
import { createBuckets } from "./bucket.ts";
import { type AdminEnv, BASE, type Principal, problemResponse, refuse } from "./env.ts";
import type { AdminServices, AdminToken } from "./services.ts";

/** Wrong tokens from one address: this many at once, then one every {@link RETRY_EVERY_MS}. */
const WRONG_TOKENS = 10;
const RETRY_EVERY_MS = 6_000;
const MAX_PEERS = 1_024;
/** Failed attempts written to the audit log, from all addresses together. */
const AUDITED = 60;
const AUDIT_EVERY_MS = 1_000;

/** POST, but they change nothing, and give no more than a viewer has: one may call them. */
const READING_POSTS: ReadonlySet<string> = new Set([`${BASE}/explain`, `${BASE}/events/tickets`]);

/**
 * Lets through who holds a token, and an operator's where something could change. While an address has had too many
 * wrong tokens, none from it is looked at: a right guess must not stand out among them. A missing token is no guess.
 */
export function requireToken(services: AdminServices): MiddlewareHandler<AdminEnv> {
  const { clock, audit } = services;
  const find = createTokenFinder();
  const wrongTokens = createBuckets({ clock, burst: WRONG_TOKENS, everyMs: RETRY_EVERY_MS, maxKeys: MAX_PEERS });
  const audited = createBuckets({ clock, burst: AUDITED, everyMs: AUDIT_EVERY_MS, maxKeys: 1 });
  const record = (action: string, peer: string, detail: string): void => {
    if (audited.take("")) audit.add({ at: clock.wall(), by: "unknown", action, target: peer, detail });
  };
  return async (c, next) => {
    const given = bearerToken(c.req.header("authorization"));
    if (given === null) return unauthorized("send a token: Authorization: Bearer TOKEN");
    const peer = peerOf(c);
    const waitMs = wrongTokens.waitMs(peer);
    if (waitMs > 0) return tooManyAttempts(waitMs);
    const who = find(given, services.tokens());
    if (who === null) {
      wrongTokens.take(peer);
      const blocked = wrongTokens.waitMs(peer) > 0;
      record(blocked ? "auth.blocked" : "auth.failed", peer, `${c.req.method} ${c.req.path.slice(0, 200)}`);
      return unauthorized("the token is not known here");
    }
    if (who.role !== "operator" && changesSomething(c))
      return refuse(403, "forbidden", "Operators only", `the token ${who.name} may only read`);
    c.set("who", who);
    return next();
  };
}

/** Compares digests, all of them, so that neither a token's length nor its place or beginning shows in time. */
function createTokenFinder(): (given: string, tokens: readonly AdminToken[]) => Principal | null {
  let known: readonly AdminToken[] = [];
  let digests: readonly Buffer[] = [];
  return (given, tokens) => {
    if (tokens !== known) {
      known = tokens;
      digests = tokens.map(({ token }) => digestOf(token));
    }
    const digest = digestOf(given);
    let found: Principal | null = null;
    known.forEach(({ name, role }, i) => {
      if (timingSafeEqual(digest, digests[i] as Buffer)) found = { name, role };
    });
    return found;
  };
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** RFC 6750 section 2.1; null where there is none. */
function bearerToken(authorization: string | undefined): string | null {
  return /^bearer +([^ ]+) *$/i.exec(authorization ?? "")?.[1] ?? null;
}

function changesSomething(c: Context<AdminEnv>): boolean {
  return c.req.method !== "GET" && c.req.method !== "HEAD" && !READING_POSTS.has(c.req.path);
}

/** The address attempts are counted by. One caller may have a whole /64 of IPv6, so that is one address here. */
function peerOf(c: Context<AdminEnv>): string {
  const { remoteAddress } = c.env.incoming.socket;
  if (remoteAddress === undefined) return "unix";
  const address = ipaddr.process(remoteAddress);
  if (address.kind() === "ipv4") return address.toString();
  return `${address.toByteArray().slice(0, 8).join(".")}/64`;
}

function unauthorized(detail: string): Response {
  return problemResponse(problem(401, "unauthorized", "A token is needed", detail), {
    "WWW-Authenticate": 'Bearer realm="outrigger"',
  });
}

function tooManyAttempts(waitMs: number): Response {
  const seconds = Math.ceil(waitMs / 1000);
  return problemResponse(
    problem(429, "too-many-attempts", "Too many wrong tokens", `come back in ${seconds} s with the right one`),
    { "Retry-After": String(seconds) },
  );
}
