import type { Answer, Exchange, Reply } from "../../core/exchange.ts";
import type { RawHeaders } from "../../core/headers.ts";
import type { Strategy } from "../../core/outcome.ts";
import type { FallbackSettings } from "../../core/settings.route.ts";

/** What the caller gets in the app's place. Framing is left to whoever writes it. */
export interface FallbackAnswer {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: Buffer;
  /** The delivery that it left behind in the spool. */
  readonly delivery?: string;
}

/** One way to answer without the app. */
export interface FallbackStrategy {
  readonly name: Strategy;
  /** `cause` is what the tries ended with. Null: this one has no answer, ask the next. Never throws. */
  answer(x: Exchange, cause: Reply): FallbackAnswer | null | Promise<FallbackAnswer | null>;
  /** An answer of this one came too late, and the caller got another: takes back what it left behind. */
  withdraw?(answer: FallbackAnswer): unknown;
  /** Hears of the app's good answers, where the strategy lives on them. */
  remember?(x: Exchange, answer: Answer): void;
}

/** The settings of one strategy. */
export type SettingsOf<Name extends Strategy> = Extract<FallbackSettings, { readonly strategy: Name }>;
