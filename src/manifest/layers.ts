import type { Document } from "./document.ts";
import type { Environment } from "./environment.ts";
import type { AppEntry, Entry, ManifestEntry } from "./schema.ts";

/**
 * Precedence: built-in < defaults < general environment < capability < its own variable < app < webhook. Each of them
 * is a layer: some of the keys of a webhook entry, and where they came from. Later layers win.
 */

export type Mode = "sync" | "async" | "passthrough";

export interface Layer<D = Document<unknown>> {
  readonly entry: Entry;
  readonly from: LayerSource<D>;
}

export type LayerSource<D = Document<unknown>> =
  | { readonly kind: "built-in" }
  /** Variable names by path, as in `retry.attempts`. */
  | { readonly kind: "env"; readonly names: ReadonlyMap<string, string> }
  /** `path` is where in the document the entry stands. */
  | { readonly kind: "file"; readonly document: D; readonly path: readonly PropertyKey[] };

/** All keys of a block, each with a value. */
type Filled<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

/** An entry in which every key with a built-in default is set. */
export type Complete = Entry & {
  readonly timeout: number;
  readonly connect_timeout: number;
  readonly retry: Filled<NonNullable<Entry["retry"]>>;
  readonly breaker: Filled<NonNullable<Entry["breaker"]>>;
  readonly fallback: NonNullable<Entry["fallback"]>;
  readonly response: Pick<NonNullable<Entry["response"]>, "schema"> &
    Filled<Omit<NonNullable<Entry["response"]>, "schema">>;
  readonly priority: number;
  readonly body_limit: number;
};

/** Built in by capability name are only these. */
const CAPABILITY_TIMEOUT_MS: Readonly<Record<string, number>> = {
  quiz_answer: 2000,
  winner_selection: 5000,
  participant_registration: 3000,
};

const TRANSIENT = [408, 425, 429, "5xx", "timeout", "network", "invalid_response"];
const PERMANENT = ["4xx", 501, 505, "authentication_failed"];

function builtIn(mode: Mode, timeout: number): Complete {
  const later = mode === "async";
  return {
    timeout,
    connect_timeout: 1000,
    retry: {
      attempts: later ? 3 : 2,
      initial: later ? 1000 : 100,
      max: later ? 30_000 : 1000,
      factor: 2,
      jitter: "full",
      budget: 20,
      max_age: 86_400_000,
      repeat: later ? "always" : "safe",
      transient: TRANSIENT,
      permanent: PERMANENT,
    },
    breaker: {
      enabled: true,
      failures: 5,
      recovery: 60_000,
      recovery_max: 300_000,
      successes: 3,
      probes: 1,
      failure_rate: 50,
      window: 10_000,
      min_samples: 20,
      dry_run: false,
    },
    fallback: [],
    response: { format: "auto", status: [{ from: 200, to: later ? 299 : 399 }], max: 1_048_576 },
    priority: 5,
    body_limit: 1_048_576,
  };
}

/** What the general variables say for routes of one mode; those of retry are for async routes only. */
function fromEnvironment(env: Environment, mode: Mode): Layer {
  const names = new Map<string, string>();
  const entry: Record<string, unknown> = {};
  const set = (path: string, name: Parameters<Environment["number"]>[0]): void => {
    const value = env.number(name) ?? env.flag(name);
    if (value === undefined) return;
    names.set(path, name);
    const [block = "", key] = path.split(".");
    if (key === undefined) entry[block] = value;
    else entry[block] = { ...(entry[block] as object | undefined), [key]: value };
  };
  set("timeout", "WEBHOOK_TIMEOUT_DEFAULT");
  set("breaker.failures", "CIRCUIT_BREAKER_FAILURE_THRESHOLD");
  set("breaker.recovery", "CIRCUIT_BREAKER_RECOVERY_TIMEOUT");
  set("breaker.successes", "CIRCUIT_BREAKER_SUCCESS_THRESHOLD");
  set("breaker.enabled", "CIRCUIT_BREAKER_ENABLED");
  if (mode === "async") {
    set("retry.attempts", "WEBHOOK_RETRY_MAX_ATTEMPTS");
    set("retry.initial", "WEBHOOK_RETRY_INITIAL_DELAY");
    set("retry.max", "WEBHOOK_RETRY_MAX_DELAY");
    set("retry.factor", "WEBHOOK_RETRY_BACKOFF_MULTIPLIER");
  }
  return { entry: entry as Entry, from: { kind: "env", names } };
}

export function modeOf(entry: Entry): Mode | undefined {
  return entry.mode ?? (entry.async === undefined ? undefined : entry.async ? "async" : "sync");
}

/** The layers below an app, by capability and mode; made once for each that has something of its own to say. */
export interface BaseLayers {
  mode(capability: string): Mode | undefined;
  /** From the weakest to the strongest. Equal calls give the same array. */
  of(capability: string, mode: Mode): readonly Layer[];
}

export function createBaseLayers(main: Document<ManifestEntry>, env: Environment): BaseLayers {
  const { defaults, capabilities } = main.value;
  const file = (entry: Entry, ...path: PropertyKey[]): Layer => ({
    entry,
    from: { kind: "file", document: main, path },
  });
  const cache = new Map<string, readonly Layer[]>();
  const own = (capability: string): Entry | undefined =>
    capabilities && Object.hasOwn(capabilities, capability) ? capabilities[capability] : undefined;
  return {
    mode: (capability) => modeOf(own(capability) ?? {}) ?? modeOf(defaults ?? {}),
    of(capability, mode) {
      const mine = own(capability);
      const variable = env.timeout(capability);
      const timeout = Object.hasOwn(CAPABILITY_TIMEOUT_MS, capability) ? CAPABILITY_TIMEOUT_MS[capability] : undefined;
      const key = mine || variable || timeout ? `${mode} ${capability}` : mode;
      let layers = cache.get(key);
      if (layers) return layers;
      layers = [
        { entry: builtIn(mode, timeout ?? 10_000), from: { kind: "built-in" } },
        ...(defaults ? [file(defaults, "defaults")] : []),
        fromEnvironment(env, mode),
        ...(mine ? [file(mine, "capabilities", capability)] : []),
        ...(variable
          ? [
              {
                entry: { timeout: variable.ms },
                from: { kind: "env", names: new Map([["timeout", variable.name]]) },
              } as const,
            ]
          : []),
      ];
      cache.set(key, layers);
      return layers;
    },
  };
}

/** Keys of an app that are keys of a webhook entry too; its `url` is about the app, and so are its webhooks. */
export function appLayer(document: Document<unknown>, name: string, app: AppEntry): Layer {
  const { url: _url, webhooks: _webhooks, ...entry } = app;
  return { entry, from: { kind: "file", document, path: ["apps", name] } };
}
