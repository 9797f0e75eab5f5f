/** The history of calls, as `/webhook-metrics` tells it. Rates are in percent. */

export interface CallStats {
  readonly count: number;
  readonly judged: number;
  readonly success: number;
  readonly success_rate: number | null;
  readonly timeouts: number;
  readonly timeout_rate: number | null;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
  readonly max_ms: number | null;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly delivered: number;
  readonly dead: number;
}
export type Outcome = "ok" | "declined" | "fallback" | "queued" | "failed" | "rejected" | "aborted";

export interface CallPoint extends CallStats {
  readonly at: string;
}

export interface CallSeries {
  readonly from: string;
  readonly to: string;
  readonly step_ms: number;
  readonly total: CallStats;
  readonly series: readonly CallPoint[];
}

export interface CallLine {
  readonly app: string;
  readonly capability: string | null;
  readonly total: CallStats;
  readonly spark: {
    readonly count: readonly number[];
    readonly failed: readonly number[];
    readonly p95_ms: readonly (number | null)[];
  };
}

/** The whole and its lines: of each app, or of each route of one. */
export interface CallOverview extends CallSeries {
  readonly lines: { readonly items: readonly CallLine[]; readonly next: string | null } | null;
}

export interface Sample {
  readonly id: number;
  readonly at: string;
  readonly duration_ms: number;
  readonly outcome: string;
  readonly error: string | null;
  readonly status: number;
  readonly attempts: number;
  readonly request_id: string;
}

export const WINDOWS = ["1h", "24h", "7d"] as const;
export const WINDOW_WORDS: Readonly<Record<string, string>> = {
  "1h": "Last hour",
  "24h": "Last day",
  "7d": "Last week",
};

/** The window in a page's query; an hour for anything else. */
export function windowOf(query: URLSearchParams): string {
  const wanted = query.get("window") ?? "";
  return Object.hasOwn(WINDOW_WORDS, wanted) ? wanted : "1h";
}
