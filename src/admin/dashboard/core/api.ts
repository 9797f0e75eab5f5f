import { now } from "./now.ts";
import { createStore } from "./store.ts";

/** The admin API, asked with the token of this tab. */

const BASE = new URL("api/v1/admin", document.baseURI).href;
const KEY = "outrigger-token";
const TIMEOUT_MS = 20_000;

export interface Me {
  readonly name: string;
  readonly role: "viewer" | "operator";
}

/** Who is signed in: null for nobody, undefined while it is not known yet. */
export const session = createStore<Me | null | undefined>(undefined);
/** Why somebody was signed out, for the page that asks for a token. */
export const signInNote = createStore<string | null>(null);
/** Since when no request has been answered: Unix milliseconds; null while they are. */
export const awaySince = createStore<number | null>(null);

/** An answer that is no good one. `status` is 0 where none came. */
export interface Failure {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
}
export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

let token = sessionStorage.getItem(KEY) ?? "";

export function authorization(): string {
  return `Bearer ${token}`;
}

export function urlOf(path: string): string {
  return BASE + path;
}

export function get<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  return ask("GET", path, undefined, signal);
}

export function post<T>(path: string, body: object = {}): Promise<Answer<T>> {
  return ask("POST", path, body);
}

export function put<T>(path: string, body: object): Promise<Answer<T>> {
  return ask("PUT", path, body);
}

export function del<T>(path: string): Promise<Answer<T>> {
  return ask("DELETE", path);
}

async function ask<T>(method: string, path: string, body?: object, signal?: AbortSignal): Promise<Answer<T>> {
  try {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(urlOf(path), {
      method,
      headers: { Authorization: authorization(), ...(body && { "Content-Type": "application/json" }) },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      cache: "no-store",
      credentials: "omit",
      ...(body && { body: JSON.stringify(body) }),
    });
    awaySince.set(null);
    if (response.ok) return { ok: true, value: (await response.json()) as T };
    const failure = await failureOf(response);
    if (response.status === 401 && session.get()) signOut("The token is not valid any more. Sign in again.");
    return { ok: false, failure };
  } catch {
    if (signal?.aborted) return { ok: false, failure: { status: 0, title: "Not asked any more", detail: "" } };
    if (awaySince.get() === null) awaySince.set(now());
    return { ok: false, failure: { status: 0, title: "No answer", detail: "Outrigger could not be reached." } };
  }
}

/** What a refusal says, and of a body, where it is wrong. */
interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly issues?: readonly { readonly path: string; readonly message: string }[];
}

const SHOWN_ISSUES = 5;

async function failureOf(response: Response): Promise<Failure> {
  const said = (await response.json().catch(() => ({}))) as Problem;
  const issues = (said.issues ?? []).slice(0, SHOWN_ISSUES).map(({ path, message }) => `${path}: ${message}`);
  const detail = issues.length > 0 ? issues.join("; ") : (said.detail ?? "");
  return { status: response.status, title: said.title ?? `Status ${response.status}`, detail };
}

/** Tries a token, and keeps it for this tab where it is good. Returns why not, or null. */
export async function signIn(given: string): Promise<string | null> {
  token = given.trim();
  const answer = await get<Me>("/me");
  if (answer.ok) {
    sessionStorage.setItem(KEY, token);
    signInNote.set(null);
    session.set(answer.value);
    return null;
  }
  const { status, title, detail } = answer.failure;
  if (status === 401) return "Wrong token: Outrigger does not know it.";
  return status === 0 ? detail : `${title}: ${detail}`;
}

export function signOut(note: string | null = null): void {
  token = "";
  sessionStorage.removeItem(KEY);
  signInNote.set(note);
  session.set(null);
}

/** Takes up the token this tab had before it was loaded again. */
export async function resume(): Promise<void> {
  if (token === "") return session.set(null);
  const note = await signIn(token);
  if (note !== null) signOut(note);
}
