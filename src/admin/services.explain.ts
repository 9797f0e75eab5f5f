import type { RawHeaders } from "../core/headers.ts";
import type { JsonValue } from "../core/settings.route.ts";

/** Which route would answer, and by which values. */

export interface ExplainRequest {
  readonly method: string;
  /** The target without the query. */
  readonly path: string;
  readonly headers: RawHeaders;
}

export type ExplainResult =
  | { readonly kind: "none" }
  /** The path is known, with other methods. */
  | { readonly kind: "method"; readonly allow: readonly string[] }
  | { readonly kind: "found"; readonly explanation: ExplanationInfo };

export interface ExplanationInfo {
  /** `app/capability`. */
  readonly route: string;
  readonly values: readonly { readonly path: string; readonly value: JsonValue; readonly origin: string }[];
  readonly timeline: {
    readonly tries: readonly {
      readonly attempt: number;
      readonly startsAtMs: number;
      readonly upToMs: number;
      readonly waitMs: number;
    }[];
    readonly triesEndMs: number;
    readonly answeredByMs: number | null;
    readonly note: string | null;
  };
}
