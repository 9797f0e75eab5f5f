import type { NotifyRetry } from "../core/settings.service.ts";
import type { Notice } from "./notice.ts";

/** A way to tell somebody, made of its settings when a manifest is applied. A type of channel is a file in channels/. */
export interface Channel {
  readonly name: string;
  readonly retry: NotifyRetry;
  /** More than so many a minute come as one; null: there is no such bound. */
  readonly perMinute: number | null;
  /** It tells the owner of the app that a notice is about, and nobody of one about none. */
  readonly forOwner: boolean;
  /** Is told of what was held back, in one message. */
  readonly summaries: boolean;
  /** One try. Ends in bounded time, sooner once `signal` is aborted. Whatever the other side does, it is no error. */
  attempt(notice: Notice, signal: AbortSignal): Promise<TryResult>;
}

/** What came of one try; `status` is 0 where no answer came. Texts hold no secret and no URL. */
export type TryResult = { readonly kind: "sent"; readonly status: number } | NotSent<"again"> | NotSent<"final">;

interface NotSent<Kind extends string> {
  /** `again`: another try may do better; `final`: none will. */
  readonly kind: Kind;
  readonly status: number;
  /** Why, in a line. */
  readonly detail: string;
  /** The beginning of the answer. */
  readonly answer: string | null;
  /** The wait that the other side asked for. */
  readonly retryAfterMs: number | null;
}

export function notSent<Kind extends "again" | "final">(kind: Kind, status: number, detail: string): NotSent<Kind> {
  return { kind, status, detail, answer: null, retryAfterMs: null };
}

/** One try; never rejects. */
export async function tryOnce(channel: Channel, notice: Notice, signal: AbortSignal): Promise<TryResult> {
  try {
    return await channel.attempt(notice, signal);
  } catch (error) {
    // A bug in a channel costs its notification, not the process that serves requests.
    return notSent("final", 0, error instanceof Error ? error.message : String(error));
  }
}
