import { createHash } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { type AdminEnv, BASE, refuse } from "./env.ts";
import type { EventFilter } from "./ring.ts";

/**
 * Tickets let somebody who has no token follow some of the events for a while: an organizer's page that shows one
 * room. They are held in memory, as digests; a restart ends them.
 */
export interface Tickets {
  /** Null where there are too many. */
  issue(filter: EventFilter, forMs: number): { readonly ticket: string; readonly expiresAt: number } | null;
  find(ticket: string): Ticket | null;
}

export interface Ticket {
  readonly filter: EventFilter;
  readonly leftMs: number;
}

const MAX_TICKETS = 1_000;
const TICKET_BYTES = 32;

export function createTickets(clock: Clock, random: Random): Tickets {
  const known = new Map<string, { readonly filter: EventFilter; readonly endsAt: number }>();
  const sweep = (now: number): void => {
    for (const [digest, { endsAt }] of known) if (endsAt <= now) known.delete(digest);
  };
  return {
    issue(filter, forMs) {
      const now = clock.now();
      if (known.size >= MAX_TICKETS) sweep(now);
      if (known.size >= MAX_TICKETS) return null;
      const ticket = Buffer.from(random.bytes(TICKET_BYTES)).toString("base64url");
      known.set(digestOf(ticket), { filter, endsAt: now + forMs });
      return { ticket, expiresAt: clock.wall() + forMs };
    },
    find(ticket) {
      // Looked up by digest, so that no time tells how much of a guess was right.
      const found = known.get(digestOf(ticket));
      const leftMs = found === undefined ? 0 : found.endsAt - clock.now();
      return found === undefined || leftMs <= 0 ? null : { filter: found.filter, leftMs };
    },
  };
}

function digestOf(ticket: string): string {
  return createHash("sha256").update(ticket).digest("base64");
}

const EVENTS_PATH = `${BASE}/events`;
export const SOCKET_PATH = `${BASE}/events/ws`;

/** Does the request show a ticket where one is good for something? Then nothing else of it counts. */
export function showsTicket(path: string, query: string | undefined): query is string {
  return query !== undefined && (path === EVENTS_PATH || path === SOCKET_PATH);
}

/**
 * In place of a token. A page of any origin may use a ticket: who has it was given it, a browser never sends it by
 * itself, and it shows nothing but its events. So it says that such a page may read the answer.
 */
export function requireTicket(tickets: Tickets): MiddlewareHandler<AdminEnv> {
  return async (c, next) => {
    c.header("Access-Control-Allow-Origin", "*");
    c.header("Cross-Origin-Resource-Policy", "cross-origin");
    const ticket = tickets.find(c.req.query("ticket") ?? "");
    if (ticket === null) return refuse(401, "unauthorized", "This ticket is not good", "it is over, or none of ours");
    c.set("who", { name: "ticket", role: "viewer" });
    c.set("ticket", ticket);
    return next();
  };
}
