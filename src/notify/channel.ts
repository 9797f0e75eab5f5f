import type { NotifyRetry } from "../core/settings.service.ts";
import type { Notice } from "./notice.ts";

/** A way to tell somebody, made of its settings when a manifest is applied. A type of channel is a file in channels/. */
export interface Channel {
  readonly name: string;
  readonly retry: NotifyRetry;
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
