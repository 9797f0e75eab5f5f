/** Stored deliveries, as `/deliveries` and `/dlq` tell of them. */

export interface Job {
  readonly id: string;
  readonly app: string;
  readonly capability: string;
  readonly state: string;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly request_id: string;
  readonly at: string;
  readonly ended_at: string | null;
  readonly due_at: string | null;
  readonly expires_at: string;
  readonly attempts: number;
  readonly sends: number;
  readonly origin: string;
  readonly size: number;
}

export type Header = { readonly name: string; readonly value: string };

interface Body {
  readonly body: string | null;
  readonly body_encoding: "text" | "base64" | null;
}

export interface Try extends Body {
  readonly n: number;
  readonly at: string;
  readonly upstream: string;
  readonly worth: string;
  readonly reason: string | null;
  readonly status: number;
  readonly duration_ms: number;
  readonly detail: string | null;
  readonly headers: readonly Header[] | null;
  readonly body_bytes: number | null;
}

/** One delivery with all that is kept of it. Bodies are null for viewers. */
export interface FullJob extends Job, Body {
  readonly request: {
    readonly method: string;
    readonly rest: string;
    readonly target: string;
    readonly host: string;
    readonly http_version: string;
    readonly peer: string;
    readonly secure: boolean;
    readonly headers: readonly Header[];
  } | null;
  readonly order_key: string | null;
  readonly in_doubt: boolean;
  readonly tries: readonly Try[];
  readonly verification: {
    readonly path: string | null;
    readonly upstream: string;
    readonly since: string;
    readonly until: string;
    readonly polls: number;
    readonly last: string | null;
  } | null;
}

export const STATES = ["queued", "leased", "verifying", "delivered", "dead", "cancelled"] as const;
export const REASONS = [
  "permanent_status",
  "attempts_exhausted",
  "expired",
  "gone",
  "invalid_response",
  "verification_failed",
  "cancelled",
] as const;

/** States in which nothing happens any more by itself. */
export function isOver({ state }: Job): boolean {
  return state === "dead" || state === "cancelled" || state === "delivered";
}

const AGES: Readonly<Record<string, number>> = { "1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000 };
export const AGE_WORDS = { "1h": "last hour", "24h": "last day", "7d": "last week" } as const;

/** What a list is about: names as in the API, but for `age`, which is how far back. */
export type JobFilter = Readonly<Record<string, string>>;

const NAMES = ["app", "capability", "state", "reason", "request_id", "age"];

export function filterOf(query: URLSearchParams): JobFilter {
  return Object.fromEntries(NAMES.flatMap((name) => (query.get(name) ? [[name, query.get(name) as string]] : [])));
}

/** The fields that the API takes. `minute` is now, cut to a minute, so that the same list keeps its address. */
export function fieldsOf({ age, ...fields }: JobFilter, minute: number): Record<string, string> {
  const span = AGES[age ?? ""];
  return { ...fields, ...(span !== undefined && { since: new Date(minute - span).toISOString() }) };
}

/** What a filter says, for people. */
export function filterText({ app, capability, state, reason, request_id: id, age }: JobFilter): string {
  const parts = [
    app && `of app ${app}`,
    capability && `of ${capability}`,
    state && `that are ${state}`,
    reason && `with the reason ${reason.replaceAll("_", " ")}`,
    id && `with the request id ${id}`,
    age && `of the ${AGE_WORDS[age as keyof typeof AGE_WORDS] ?? age}`,
  ].filter(Boolean);
  return parts.join(", ");
}
