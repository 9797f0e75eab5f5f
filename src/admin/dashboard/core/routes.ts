/** Routes of the running manifest, as `/routes` tells of them. */
export interface RouteInfo {
  readonly app: string;
  readonly capability: string;
  readonly mode: "sync" | "async" | "passthrough";
  readonly match: {
    readonly path: string;
    readonly methods: readonly string[] | null;
    readonly host: string | null;
    readonly headers: Readonly<Record<string, string>>;
  };
  readonly timeout_ms: number;
  readonly attempts: number;
  readonly fallback: readonly string[];
  readonly upstreams: readonly {
    readonly name: string;
    readonly url: string;
    readonly priority: number;
    readonly breaker: "closed" | "half_open" | "open" | null;
    readonly active?: boolean;
  }[];
}

/** The best state of its breakers: as long as one is closed, calls get through. */
export function breakerOf({ upstreams }: RouteInfo): string {
  const states = upstreams.map(({ breaker }) => breaker);
  for (const state of ["closed", "half_open", "open"] as const) if (states.includes(state)) return state;
  return "off";
}
