import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import type { Exchange, Peer } from "../core/exchange.ts";
import { sift } from "../core/headers.ts";
import { isRequestId, randomHex, uuidv7 } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import type { RoutePlan } from "./plan.ts";

/** What is sent is made of this, for a caller who waits and for a stored job alike. */
export interface Outgoing extends Pick<Exchange, "method" | "headers" | "httpVersion" | "peer"> {
  readonly plan: Pick<RoutePlan, "settings" | "drop" | "set" | "keyHeaders">;
  /** Kept where it is known already. */
  id: string;
  host: string;
  webhookId: string;
  repeatable: boolean;
  outHeaders: readonly string[];
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

/** What we read from a request's headers in the one pass over them; repeated ones are joined. */
interface Seen {
  readonly call: Outgoing;
  requestId: string;
  traceparent: string;
  tracestate: string;
  forwardedFor: string;
  forwardedProto: string;
  forwardedHost: string;
  via: string;
  forwarded: boolean;
}

// A higher version is continued as the one we speak, whatever it adds at the end; `ff` is none.
const TRACEPARENT =
  /^(?!ff)(?:00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})|(?!00)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?)$/;

/**
 * Fills what the head of the request decides: id, webhook id, repeatability, and the headers every try carries
 * (the caller's end-to-end ones, in order, then ours).
 */
export function readHead(call: Outgoing, clock: Clock, random: Random): void {
  const { plan, peer } = call;
  call.repeatable = plan.settings.retry.repeat === "always" || IDEMPOTENT.has(call.method);
  const seen: Seen = {
    call,
    requestId: "",
    traceparent: "",
    tracestate: "",
    forwardedFor: "",
    forwardedProto: "",
    forwardedHost: "",
    via: "",
    forwarded: false,
  };
  const out = sift(call.headers, plan.drop, note, seen);
  if (call.id === "") call.id = isRequestId(seen.requestId) ? seen.requestId : uuidv7(clock, random);
  if (call.webhookId === "") call.webhookId = call.id;
  out.push("X-Request-ID", call.id);
  pushTrace(out, seen, random);
  pushForwarded(out, seen, peer);
  out.push("Via", joined(seen.via, `${call.httpVersion} outrigger`));
  for (const part of plan.set) out.push(part);
  call.outHeaders = out;
}

function note(seen: Seen, lower: string, value: string): void {
  switch (lower) {
    case "host":
      seen.call.host = value;
      return;
    case "x-request-id":
      seen.requestId = joined(seen.requestId, value);
      return;
    case "traceparent":
      seen.traceparent = joined(seen.traceparent, value);
      return;
    case "tracestate":
      seen.tracestate = joined(seen.tracestate, value);
      return;
    case "x-forwarded-for":
      seen.forwardedFor = joined(seen.forwardedFor, value);
      return;
    case "x-forwarded-proto":
      seen.forwardedProto = joined(seen.forwardedProto, value);
      return;
    case "x-forwarded-host":
      seen.forwardedHost = joined(seen.forwardedHost, value);
      return;
    case "via":
      seen.via = joined(seen.via, value);
      return;
    case "forwarded":
      seen.forwarded = true;
      return;
    case "webhook-id":
      if (seen.call.webhookId === "") seen.call.webhookId = value;
  }
  if (value !== "" && seen.call.plan.keyHeaders.has(lower)) seen.call.repeatable = true;
}

function joined(before: string, value: string): string {
  return before === "" ? value : `${before}, ${value}`;
}

/** Methods that may be repeated by their definition (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "QUERY"]);

/** W3C Trace Context: a valid trace is continued with a new parent id; else one is begun, not sampled. */
function pushTrace(out: string[], seen: Seen, random: Random): void {
  const match = seen.traceparent === "" ? null : TRACEPARENT.exec(seen.traceparent);
  const [traceId, parentId, flags] = match === null ? [] : match[1] ? match.slice(1, 4) : match.slice(4, 7);
  if (traceId === undefined || /^0+$/.test(traceId) || /^0+$/.test(parentId ?? "0")) {
    out.push("traceparent", `00-${randomHex(random, 16)}-${randomHex(random, 8)}-00`);
    return;
  }
  out.push("traceparent", `00-${traceId}-${randomHex(random, 8)}-${flags}`);
  if (seen.tracestate !== "") out.push("tracestate", seen.tracestate);
}

// What a peer on this machine says of its own caller is believed and extended; what others say is replaced.
function pushForwarded(out: string[], seen: Seen, peer: Peer): void {
  const local = peer.address === "" || peer.address === "::1" || peer.address.startsWith("127.");
  const address = peer.address === "" ? "unix" : peer.address;
  const chain = local && seen.forwardedFor !== "" ? `${seen.forwardedFor}, ${address}` : address;
  const proto = local && seen.forwardedProto !== "" ? seen.forwardedProto : peer.secure ? "https" : "http";
  const host = local && seen.forwardedHost !== "" ? seen.forwardedHost : seen.call.host;
  if (!local && seen.forwarded) dropForwarded(out);
  out.push("X-Forwarded-For", chain, "X-Forwarded-Proto", proto);
  if (host !== "") out.push("X-Forwarded-Host", host);
}

/** The same claims in the form of RFC 7239, which we neither extend nor write. */
function dropForwarded(out: string[]): void {
  for (let i = out.length - 2; i >= 0; i -= 2) {
    if ((out[i] as string).toLowerCase() === "forwarded") out.splice(i, 2);
  }
}
