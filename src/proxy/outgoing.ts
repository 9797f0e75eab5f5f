import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import { endToEnd, type RawHeaders } from "../core/headers.ts";
import { isRequestId, randomHex, uuidv7 } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import type { Call } from "./call.ts";

/** Where a request came from, as its socket and listener say. */
export interface Peer {
  /** Without the `::ffff:` of a mapped IPv4 address; empty for a unix socket. */
  readonly address: string;
  readonly secure: boolean;
}

/** The peer of a request's connection: asked of the system once a connection. */
export function peerOf(req: IncomingMessage): Peer {
  const { socket } = req;
  let peer = peers.get(socket);
  if (peer === undefined) {
    const address = socket.remoteAddress ?? "";
    peer = { address: address.startsWith("::ffff:") ? address.slice(7) : address, secure: "encrypted" in socket };
    peers.set(socket, peer);
  }
  return peer;
}

const peers = new WeakMap<Socket, Peer>();

/** Headers that are ours on every route, lower case: an incoming copy is read where we continue it, never passed on. */
export const OUR_HEADERS: readonly string[] = [
  "host",
  "content-length",
  "expect",
  "x-request-id",
  "x-timeout-ms",
  "x-retry-attempt",
  "x-max-attempts",
  "traceparent",
  "tracestate",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "via",
  "outrigger-in-doubt",
];

/** What we read from a request's headers in the one pass over them. */
interface Seen {
  host: string;
  requestId: string;
  traceparent: string;
  tracestate: string;
  forwardedFor: string;
  forwardedProto: string;
  forwardedHost: string;
  via: string;
  webhookId: string;
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/**
 * Fills what the head of the request decides: id, webhook id, repeatability, and the headers every try carries
 * (the caller's end-to-end ones, in order, then ours).
 */
export function readHead(call: Call, peer: Peer, clock: Clock, random: Random): void {
  const { plan, headers } = call;
  const seen = look(headers);
  call.id = isRequestId(seen.requestId) ? seen.requestId : uuidv7(clock, random);
  call.webhookId = seen.webhookId !== "" ? seen.webhookId : call.id;
  call.repeatable =
    plan.settings.retry.repeat === "always" || IDEMPOTENT.has(call.method) || hasAny(headers, plan.keyHeaders);
  const out = endToEnd(headers, plan.drop);
  call.host = seen.host;
  out.push("X-Request-ID", call.id);
  pushTrace(out, seen, random);
  pushForwarded(out, seen, peer);
  out.push("Via", seen.via === "" ? "1.1 outrigger" : `${seen.via}, 1.1 outrigger`);
  for (const part of plan.set) out.push(part);
  call.outHeaders = out;
}

/** Methods that may be repeated by their definition (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "QUERY"]);

function look(headers: RawHeaders): Seen {
  const seen: Seen = {
    host: "",
    requestId: "",
    traceparent: "",
    tracestate: "",
    forwardedFor: "",
    forwardedProto: "",
    forwardedHost: "",
    via: "",
    webhookId: "",
  };
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    // Only names of these lengths are of interest: most headers cost one comparison.
    if (!LENGTHS.has(name.length)) continue;
    const value = headers[i + 1] as string;
    const key = FIELDS.get(name.toLowerCase());
    if (key !== undefined) seen[key] = seen[key] === "" ? value : `${seen[key]}, ${value}`;
  }
  return seen;
}

const FIELDS: ReadonlyMap<string, keyof Seen> = new Map([
  ["host", "host"],
  ["x-request-id", "requestId"],
  ["traceparent", "traceparent"],
  ["tracestate", "tracestate"],
  ["x-forwarded-for", "forwardedFor"],
  ["x-forwarded-proto", "forwardedProto"],
  ["x-forwarded-host", "forwardedHost"],
  ["via", "via"],
  ["webhook-id", "webhookId"],
]);
const LENGTHS: ReadonlySet<number> = new Set([...FIELDS.keys()].map((name) => name.length));

/** W3C Trace Context: a valid trace is continued with a new parent id; else one is begun, not sampled. */
function pushTrace(out: string[], seen: Seen, random: Random): void {
  const match = seen.traceparent === "" ? null : TRACEPARENT.exec(seen.traceparent);
  const traceId = match?.[1];
  if (traceId === undefined || /^0+$/.test(traceId) || /^0+$/.test(match?.[2] as string)) {
    out.push("traceparent", `00-${randomHex(random, 16)}-${randomHex(random, 8)}-00`);
    return;
  }
  out.push("traceparent", `00-${traceId}-${randomHex(random, 8)}-${match?.[3]}`);
  if (seen.tracestate !== "") out.push("tracestate", seen.tracestate);
}

// What a peer on this machine says of its own caller is believed and extended; what others say is replaced.
function pushForwarded(out: string[], seen: Seen, peer: Peer): void {
  const local = peer.address === "" || peer.address === "::1" || peer.address.startsWith("127.");
  const address = peer.address === "" ? "unix" : peer.address;
  const chain = local && seen.forwardedFor !== "" ? `${seen.forwardedFor}, ${address}` : address;
  const proto = local && seen.forwardedProto !== "" ? seen.forwardedProto : peer.secure ? "https" : "http";
  const host = local && seen.forwardedHost !== "" ? seen.forwardedHost : seen.host;
  out.push("X-Forwarded-For", chain, "X-Forwarded-Proto", proto);
  if (host !== "") out.push("X-Forwarded-Host", host);
}

function hasAny(headers: RawHeaders, lowerNames: readonly string[]): boolean {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    for (const wanted of lowerNames) {
      if (name.length === wanted.length && name.toLowerCase() === wanted && headers[i + 1] !== "") return true;
    }
  }
  return false;
}
