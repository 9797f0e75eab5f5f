import type { IncomingMessage } from "node:http";
import { fieldName } from "../core/header.names.ts";
import { connectionNames } from "../core/headers.ts";
import type { LimitSettings } from "../core/settings.service.ts";
import { CONNECTION, REFUSED_METHOD, type Refusal, refusal, UNDERSCORE } from "./wire.refusal.ts";
import { isHost } from "./wire.target.ts";

export type { Refusal } from "./wire.refusal.ts";
export { parseTarget } from "./wire.target.ts";

/**
 * What is refused before anything is routed. Node's parser has the first word; here is what it lets through
 * although two programs on the way may read it in two ways (RFC 9112 sections 6 and 11, RFC 9110 sections 5 to 7).
 * test/wire has a line for each, with the bytes.
 */

const VERSION = refusal(400, "only HTTP/1.0 and HTTP/1.1 are spoken here");
const TOO_MANY = refusal(431, "more header fields than limits.headers allows");
const TOO_LARGE = refusal(413, "the declared length is beyond any limit");
const EXPECTATION = refusal(417, "100-continue is the only expectation that can be met");
const HOST_COUNT = refusal(400, "a request needs exactly one Host");
const HOST_FORM = refusal(400, "Host must be a host, and a port if need be");
const CODING = refusal(400, "Transfer-Encoding must be chunked and nothing else, once, in HTTP/1.1");
const LENGTH = refusal(400, "Content-Length must be one decimal number");
const BOTH = refusal(400, "Content-Length and Transfer-Encoding contradict each other");

/** Fields whose underscore twin some programs (CGI, WSGI) could not tell from the real one. */
const TWINS = new Set([
  "content-length",
  "content-type",
  "transfer-encoding",
  "keep-alive",
  "idempotency-key",
  "x-request-id",
  "x-timeout-ms",
  "x-retry-attempt",
  "x-max-attempts",
  "x-platform-signature",
  "x-slack-request-timestamp",
]);
const TWIN_FAMILIES = /^(?:x-forwarded|webhook|svix|outrigger|proxy)-|-signature/;

/** Fields that no `Connection` header may take away. */
const KEPT =
  /^(?:host|content-length|transfer-encoding|idempotency-key|(?:webhook|svix)-(?:id|timestamp)|x-slack-request-timestamp|.*signature.*)$/;

/**
 * What is refused, or whether the request's route is to be asked about it: `unusual` where `Connection` names fields or
 * names have underscores, which hardly any request does.
 */
export type Checked = Refusal | "plain" | "unusual";

/**
 * Checks everything about a request but its target, in one pass over the raw headers. Needs a server with
 * `maxHeadersCount` 0 (see `prepareServer`), or late headers would be out of sight. `hostless`: it may come without
 * Host.
 */
export function checkRequest(req: IncomingMessage, limits: Pick<LimitSettings, "headers">, hostless = false): Checked {
  if (req.httpVersionMajor !== 1 || req.httpVersionMinor > 1) return VERSION;
  if (req.method === "TRACE" || req.method === "CONNECT") return REFUSED_METHOD;
  const headers = req.rawHeaders;
  if (headers.length > limits.headers * 2) return TOO_MANY;
  let hosts = 0;
  let lengths = 0;
  let codings = 0;
  let unusual = false;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    let refused: Refusal | null = null;
    // Of most names the length alone says that they are none of these.
    switch (name.length) {
      case 4:
        if (is(name, "Host", "host")) {
          if (++hosts > 1) return HOST_COUNT;
          refused = isHost(value) ? null : HOST_FORM;
        }
        break;
      case 6:
        if (is(name, "Expect", "expect") && value.toLowerCase() !== "100-continue") return EXPECTATION;
        break;
      case 10:
        if (is(name, "Connection", "connection") && value !== "keep-alive" && value !== "close") {
          unusual = true;
          refused = checkConnection(value);
        }
        break;
      case 14:
        if (is(name, "Content-Length", "content-length")) refused = ++lengths > 1 ? LENGTH : checkLength(value);
        break;
      case 17:
        if (is(name, "Transfer-Encoding", "transfer-encoding")) {
          if (++codings > 1 || req.httpVersionMinor === 0 || value.toLowerCase() !== "chunked") return CODING;
        }
        break;
    }
    if (refused === null && name.includes("_")) {
      unusual = true;
      refused = checkUnderscore(name);
    }
    if (refused !== null) return refused;
  }
  if (hosts === 0 && !hostless) return HOST_COUNT;
  if (lengths + codings > 1) return BOTH;
  return unusual ? "unusual" : "plain";
}

/** Compares a name with the two usual spellings before it pays for lower case. */
function is(name: string, usual: string, lower: string): boolean {
  return name === usual || name === lower || name.toLowerCase() === lower;
}

const ZERO = 0x30;
const NINE = 0x39;

/** Sizes that a JavaScript number can't count exactly are beyond every limit; Node takes them up to 2^64-1. */
function checkLength(value: string): Refusal | null {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c < ZERO || c > NINE) return LENGTH;
  }
  if (value === "") return LENGTH;
  return Number(value) > Number.MAX_SAFE_INTEGER ? TOO_LARGE : null;
}

function checkConnection(value: string): Refusal | null {
  return connectionNames(value).some((name) => KEPT.test(name)) ? CONNECTION : null;
}

function checkUnderscore(name: string): Refusal | null {
  const twin = fieldName(name).dashed;
  return TWINS.has(twin) || TWIN_FAMILIES.test(twin) ? UNDERSCORE : null;
}
