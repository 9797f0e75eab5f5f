import type { HttpBindings } from "@hono/node-server";
import { HTTPException } from "hono/http-exception";
import { PROBLEM_JSON, type Problem, problem } from "../core/problem.ts";
import type { Role } from "./services.ts";
import type { Ticket } from "./tickets.ts";

/** Who a request's token belongs to. */
export interface Principal {
  readonly name: string;
  readonly role: Role;
}

/** What handlers find in Hono's context: node's own request, and who asks. */
export interface AdminEnv {
  readonly Bindings: HttpBindings;
  readonly Variables: { who: Principal /** Who came with one, instead of a token. */; ticket?: Ticket };
}

/** Where the API lives. */
export const BASE = "/api/v1/admin";

/**
 * On every answer of this listener: nothing here is framed, is cached, or is read by another site, and but for the
 * dashboard, which has a policy of its own, nothing is a page. No CORS header ever, so no other origin reads an answer.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/** An error as the API says it (RFC 9457), wherever in the listener it is found. */
export function problemResponse(body: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    status: body.status,
    headers: { ...SECURITY_HEADERS, "Content-Type": PROBLEM_JSON, ...headers },
  });
}

/** {@link refuse} for handlers, to throw: their types know only good answers. */
export function refusal(...args: Parameters<typeof refuse>): HTTPException {
  return new HTTPException(undefined, { res: refuse(...args) });
}

/** Refuses whoever is no operator: for what a GET shows and viewers may not see. */
export function operatorsOnly({ name, role }: Principal, what: string): void {
  if (role !== "operator") throw refusal(403, "forbidden", "Operators only", `the token ${name} may not read ${what}`);
}

/** Shorthand for {@link problemResponse} of {@link problem}. */
export function refuse(status: number, name: string, title: string, detail: string, more: object = {}): Response {
  return problemResponse(problem(status, name, title, detail, more));
}
