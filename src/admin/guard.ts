import type { IncomingMessage } from "node:http";
import type { MiddlewareHandler } from "hono";
import type { Address } from "../core/settings.ts";
import { type AdminEnv, BASE, refuse, SECURITY_HEADERS } from "./env.ts";
import { type Hosts, isOwnHost, isOwnOrigin } from "./hosts.ts";
import { SOCKET_PATH, showsTicket } from "./tickets.ts";

/** Room for a manifest of any size that loads. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Room for one exported job with a body of 47 MiB: its line must come in one request, whatever else is sent in parts. */
const MAX_IMPORT_BYTES = 64 * 1024 * 1024;
const IMPORT_PATH = `${BASE}/dlq/import`;

/** Puts the security headers on every answer. */
export const securityHeaders: MiddlewareHandler<AdminEnv> = async (c, next) => {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) c.header(name, value);
  await next();
};

/**
 * Answers only to names that are this listener's own: 421 for another `Host`, 403 for a page of another origin unless it
 * shows a ticket.
 */
export function ownHostOnly(allowed: () => readonly string[], listen: () => Address): MiddlewareHandler<AdminEnv> {
  return async (c, next) => {
    const hosts: Hosts = { allowed: allowed(), listen: listen(), local: c.env.incoming.socket.localAddress };
    if (!isOwnHost(c.req.header("host"), hosts))
      return refuse(
        421,
        "wrong-host",
        "Not this host",
        "use localhost or the address, or add it to admin.allowed_hosts",
      );
    if (!showsTicket(c.req.path, c.req.query("ticket")) && !isOwnOrigin(c.req.header("origin"), hosts))
      return refuse(403, "wrong-origin", "Not from this origin", "pages of other sites may not call this API");
    return next();
  };
}

/**
 * Reads the body, and answers 413 where it is larger than any request here. Hono's own limit rebuilds the request,
 * which fails unless the adapter replaces the global Request; the adapter takes a body already read from `rawBody`.
 */
export const smallBodies: MiddlewareHandler<AdminEnv> = async (c, next) => {
  const { incoming } = c.env;
  // Of what is to be upgraded nothing is read here: it may be the client's first frames.
  if (c.req.path === SOCKET_PATH) return next();
  const max = c.req.path === IMPORT_PATH ? MAX_IMPORT_BYTES : MAX_BODY_BYTES;
  const body = await readBody(incoming, max);
  if (body === null) return refuse(413, "body-too-large", "Body too large", `at most ${max} bytes`);
  Object.assign(incoming, { rawBody: body });
  return next();
};

async function readBody(incoming: IncomingMessage, max: number): Promise<Buffer | null> {
  if (Number(incoming.headers["content-length"] ?? 0) > max) return null;
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    incoming.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= max) chunks.push(chunk);
      else resolve(null);
    });
    incoming.on("end", () => resolve(Buffer.concat(chunks)));
    // Whoever left before the end reads no answer.
    incoming.on("error", () => resolve(null));
  });
}
