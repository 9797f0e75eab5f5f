/** What the demo tells its toy app over the channel between the two processes; each message gets one answer, in order. */

/**
 * `slow` answers after `delayMs`; `hanging` reads the request and never answers; `broken` answers 500; `refusing`
 * answers 422 to GitHub's payloads of one event, however often they come.
 */
export type Behaviour =
  | { readonly kind: "well" }
  | { readonly kind: "slow"; readonly delayMs: number }
  | { readonly kind: "hanging" }
  | { readonly kind: "broken" }
  | { readonly kind: "refusing"; readonly event: string };

export type Order =
  /** The first order. `secret` is the one that GitHub's payloads are signed with. */
  | { readonly type: "listen"; readonly port: number; readonly secret: string }
  | { readonly type: "behave"; readonly as: Behaviour }
  | { readonly type: "report" };

/** What reached the app so far, as the app itself counts. */
export interface AppReport {
  /** Requests by path. */
  readonly seen: Readonly<Record<string, number>>;
  /** GitHub payloads whose signature was valid for the bytes that arrived, and those where it was not. */
  readonly verified: number;
  readonly refused: number;
  /** How often it took each GitHub delivery (`X-GitHub-Delivery`) with a valid signature and a 200. */
  readonly taken: Readonly<Record<string, number>>;
  /** From the first that it took to the last. */
  readonly takenMs: number;
}

export type Done =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "behaving" }
  | { readonly type: "report"; readonly report: AppReport }
  /** The order could not be carried out, as when the port is taken. */
  | { readonly type: "failed"; readonly why: string };
