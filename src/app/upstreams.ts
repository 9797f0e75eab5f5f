import type { Agent } from "node:http";
import type { EgressRule } from "../core/egress.ts";
import type { ProbeReport } from "../core/health.ts";
import type { AppSettings, HealthSettings, UpstreamSettings } from "../core/settings.ts";
import { createRetryBudget, type RetryBudget } from "../policy/budget.ts";
import { type Bulkhead, createBulkhead } from "../policy/bulkhead.ts";
import { createPassthroughAgent } from "../proxy/passthrough.ts";
import { type Asked, askUpstream, type Question } from "../upstream/ask.ts";
import { createUpstreamClient, type UpstreamClient } from "../upstream/client.ts";
import type { ConnectDeps, TlsMaterial } from "../upstream/connect.ts";
import { createProbe } from "../upstream/probe.ts";

/** What all routes to one upstream of one app share. */
export interface UpstreamState {
  readonly client: UpstreamClient;
  readonly slots: Bulkhead;
  readonly budget: RetryBudget;
  /** For passthrough: the same way of connecting, within the same slots. */
  readonly agent: Agent;
}

/** How an app's upstreams are connected to. */
export interface WayOut {
  readonly tls: TlsMaterial | null;
  readonly egress: EgressRule;
}

/** Every upstream in use. One that a reload leaves as it was keeps its connections, slots and budget. */
export interface Upstreams {
  /** For a plan of a manifest that comes: what is in force stays as it is until `sweep`. */
  get(app: AppSettings, upstream: UpstreamSettings, way: WayOut, connectTimeoutMs: number): UpstreamState;
  /** Asks an upstream how it is, the way requests go there; one that none goes to is unknown. Never rejects. */
  probe(
    app: AppSettings,
    upstream: UpstreamSettings,
    settings: HealthSettings,
    timeoutMs: number,
  ): Promise<ProbeReport>;
  /** Asks it something beside the traffic; null for one that none goes to. Never rejects. */
  ask(app: AppSettings, upstream: UpstreamSettings, question: Question): Promise<Asked> | null;
  /**
   * A manifest is in force: what its plans asked for since the last call holds. Lets go of the upstreams not asked for:
   * idle connections close now, used ones after use. Requests that began under the old manifest still get through.
   */
  sweep(): void;
  /** The manifest that was to come came to nothing: all is as its plans found it. */
  forget(): void;
  close(): Promise<void>;
}

/** `version` is Outrigger's, as probes name it. */
export function createUpstreams(deps: Omit<ConnectDeps, "egress">, version: string): Upstreams {
  const { clock } = deps;
  const known = new Map<string, UpstreamState>();
  /** Slots and budget know nothing of connections: they outlive a change of `concurrency`, `tls` or `egress`. */
  const shares = new Map<string, Pick<UpstreamState, "slots" | "budget">>();
  const newest = new Map<string, UpstreamState>();
  /** Those whose last connections are not closed yet. */
  const retiring = new Set<Promise<void>>();
  /** Of the manifest that comes, by the keys of `known` and of `shares`. */
  let asked = new Map<string, { readonly state: UpstreamState; readonly connectTimeoutMs: number }>();
  let askedShares = new Map<string, { readonly state: UpstreamState; readonly app: AppSettings }>();
  /** Those of them that there was nothing of before. */
  let made: string[] = [];
  let madeShares: string[] = [];
  const letGo = (key: string, state: UpstreamState): void => {
    known.delete(key);
    const closed = retire(state).finally(() => retiring.delete(closed));
    retiring.add(closed);
  };
  const settled = (): void => {
    asked = new Map();
    askedShares = new Map();
    made = [];
    madeShares = [];
  };
  return {
    get(app, upstream, { tls, egress }, connectTimeoutMs) {
      const id = idOf(app, upstream);
      // A connection that now may not be opened must not stay open either.
      const key = JSON.stringify([id, app.concurrency.max, tls, egress.key]);
      let share = shares.get(id);
      if (share === undefined) {
        share = { slots: createBulkhead(app.concurrency), budget: createRetryBudget() };
        shares.set(id, share);
        madeShares.push(id);
      }
      let state = known.get(key);
      if (state === undefined) {
        const connections = app.concurrency.max;
        const client = createUpstreamClient(upstream, { connections, connectTimeoutMs, tls }, { ...deps, egress });
        state = {
          client,
          agent: createPassthroughAgent(client.connect, connections),
          ...share,
        };
        known.set(key, state);
        made.push(key);
      }
      const longestMs = Math.max(asked.get(key)?.connectTimeoutMs ?? 0, connectTimeoutMs);
      asked.set(key, { state, connectTimeoutMs: longestMs });
      askedShares.set(id, { state, app });
      // One of another manifest is asked as that says.
      if (!newest.has(id)) newest.set(id, state);
      return state;
    },
    async probe(app, upstream, settings, timeoutMs) {
      const state = newest.get(idOf(app, upstream));
      return state === undefined
        ? NOTHING_LEARNT
        : await createProbe(state.client, settings, { clock, version })({ timeoutMs });
    },
    ask(app, upstream, question) {
      const state = newest.get(idOf(app, upstream));
      return state === undefined ? null : askUpstream(state.client, question, clock);
    },
    sweep() {
      for (const [key, state] of known) {
        if (!asked.has(key)) letGo(key, state);
      }
      for (const { state, connectTimeoutMs } of asked.values()) state.client.connectTimeoutMs = connectTimeoutMs;
      for (const id of shares.keys()) {
        if (askedShares.has(id)) continue;
        shares.delete(id);
        newest.delete(id);
      }
      for (const [id, { state, app }] of askedShares) {
        state.slots.configure(app.concurrency);
        newest.set(id, state);
      }
      settled();
    },
    forget() {
      for (const key of made) letGo(key, known.get(key) as UpstreamState);
      for (const id of madeShares) {
        shares.delete(id);
        newest.delete(id);
      }
      settled();
    },
    async close() {
      const all = [...known.values()];
      known.clear();
      for (const state of all) state.agent.destroy();
      await Promise.all([...retiring, ...all.map((state) => state.client.close())]);
    },
  };
}

const NOTHING_LEARNT: ProbeReport = {
  status: "unknown",
  answered: false,
  httpStatus: 0,
  durationMs: 0,
  reason: null,
  proxyError: null,
  detail: null,
  details: null,
};

function idOf(app: AppSettings, { name, url }: UpstreamSettings): string {
  return JSON.stringify([app.name, name, url]);
}

/** Resolves once the connections that there were are closed. */
function retire({ agent, client }: UpstreamState): Promise<void> {
  // `destroy` would end the streams under way, too.
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  return client.retire();
}
