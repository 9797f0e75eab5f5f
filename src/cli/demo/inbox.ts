import type { Seen } from "./caller.ts";
import { allOf, type Promised } from "./score.ts";
import type { AppReport } from "./toy-app.messages.ts";

/** The manifest of an app that takes GitHub's webhooks later, and what was accepted for it. */

/** Where Outrigger listens. */
export interface Listen {
  readonly proxy: string;
  readonly admin: string;
}

/** Any free ports. */
export const ANYWHERE: Listen = { proxy: "127.0.0.1:0", admin: "127.0.0.1:0" };

export function manifest(port: number, listen: Listen): string {
  return `version: 1
listen:
  proxy: ${listen.proxy}
  admin: ${listen.admin}
data_dir: ./data

apps:
  quiz:
    owner: quiz-team@example.com
    url: http://127.0.0.1:${port}
    breaker: { failures: 5, recovery: 1s, recovery_max: 2s, successes: 2 }
    webhooks:
      github:
        mode: async
        path: /webhooks/github
        retry: { attempts: 3, initial: 200ms, max: 1s }
        idempotency: { header: X-GitHub-Delivery }
`;
}

/** The id that GitHub gave a payload. */
function githubId({ hook }: Seen): string {
  return hook.headers["X-GitHub-Delivery"] ?? "";
}

/** What the body of a 202 says; null for any other answer. */
export function receiptIn({ status, body }: Seen): { readonly id: string; readonly duplicate: boolean } | null {
  if (status !== 202) return null;
  const { id, duplicate } = JSON.parse(body.toString()) as { id?: unknown; duplicate?: unknown };
  return typeof id === "string" ? { id, duplicate: duplicate === true } : null;
}

export function isAccepted(seen: Seen): boolean {
  return receiptIn(seen) !== null;
}

/** The deliveries of GitHub's that were accepted, by its ids, however often it sent them. */
export function acceptedIn(seen: readonly Seen[]): ReadonlySet<string> {
  return new Set(seen.filter(isAccepted).map(githubId));
}

/** How many of the accepted the app took. */
export function arrivedOf(accepted: ReadonlySet<string>, { taken }: AppReport): number {
  return [...accepted].filter((id) => (taken[id] ?? 0) > 0).length;
}

/** How often the app took one that it had taken already. */
export function repeatsIn({ taken }: AppReport): number {
  return Object.values(taken).reduce((sum, times) => sum + times - 1, 0);
}

/** Calls that repeat one of `first`, and were told the same id and that it is known. */
export function knownAgain(first: readonly Seen[], again: readonly Seen[]): number {
  const ids = new Map(first.map((seen) => [githubId(seen), receiptIn(seen)?.id]));
  return again.filter((seen) => {
    const receipt = receiptIn(seen);
    return receipt?.duplicate === true && receipt.id === ids.get(githubId(seen));
  }).length;
}

/** GitHub gives up on an answer after this: https://docs.github.com/webhooks/using-webhooks/best-practices-for-using-webhooks. */
const GITHUB_WAITS_MS = 10_000;

/** Every call that somebody was there to answer was accepted, while GitHub still waited for it. */
export function acceptedInTime(answered: readonly Seen[]): Promised {
  const inTime = answered.filter((seen) => isAccepted(seen) && seen.ms <= GITHUB_WAITS_MS);
  return allOf("accepted with 202, within the 10 s that GitHub waits", inTime.length, answered.length);
}
