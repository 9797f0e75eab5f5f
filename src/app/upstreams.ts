import { readFileSync } from "node:fs";
import type { Agent } from "node:http";
import type { Clock } from "../core/clock.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { AppSettings, ClientTls, UpstreamSettings } from "../core/settings.ts";
import { createRetryBudget, type RetryBudget } from "../policy/budget.ts";
import { type Bulkhead, createBulkhead } from "../policy/bulkhead.ts";
import { createPassthroughAgent } from "../proxy/passthrough.ts";
import { createUpstreamClient, type UpstreamClient } from "../upstream/client.ts";
import type { TlsMaterial } from "../upstream/connect.ts";

/** What all routes to one upstream of one app share. */
export interface UpstreamState {
  readonly client: UpstreamClient;
  readonly slots: Bulkhead;
  readonly budget: RetryBudget;
  /** For passthrough: the same way of connecting, within the same slots. */
  readonly agent: Agent;
}

/** Every upstream in use. One that a reload leaves as it was keeps its connections, slots and budget. */
export interface Upstreams {
  get(app: AppSettings, upstream: UpstreamSettings, tls: TlsMaterial | null, connectTimeoutMs: number): UpstreamState;
  /** Lets go of the upstreams not asked for since the last call: idle connections close, used ones after use. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

export function createUpstreams(clock: Clock): Upstreams {
  const known = new Map<string, UpstreamState>();
  let asked = new Set<string>();
  return {
    get(app, upstream, tls, connectTimeoutMs) {
      const key = JSON.stringify([app.name, upstream.name, upstream.url, app.concurrency.max, tls]);
      let state = known.get(key);
      if (state === undefined) {
        const connections = app.concurrency.max;
        const client = createUpstreamClient(upstream, { connections, connectTimeoutMs, tls }, { clock });
        state = {
          client,
          agent: createPassthroughAgent(client.connect, connections),
          slots: createBulkhead(app.concurrency),
          budget: createRetryBudget(),
        };
        known.set(key, state);
      } else if (!asked.has(key)) {
        state.client.connectTimeoutMs = connectTimeoutMs;
        state.slots.configure(app.concurrency);
      }
      state.client.connectTimeoutMs = Math.max(state.client.connectTimeoutMs, connectTimeoutMs);
      asked.add(key);
      return state;
    },
    async sweep() {
      const gone = [...known].filter(([key]) => !asked.has(key));
      asked = new Set();
      for (const [key] of gone) known.delete(key);
      await Promise.all(gone.map(([, state]) => closeState(state)));
    },
    async close() {
      const all = [...known.values()];
      known.clear();
      await Promise.all(all.map(closeState));
    },
  };
}

function closeState(state: UpstreamState): Promise<void> {
  state.agent.destroy();
  return state.client.close();
}

/** Reads the files of an app's `tls` block; the error names the file and what is wrong with it. */
export function readTls(tls: ClientTls | null): Result<TlsMaterial | null, string> {
  if (tls === null) return ok(null);
  try {
    const read = (path: string | null): string | null => (path === null ? null : readFileSync(path, "utf8"));
    return ok({ ca: read(tls.ca), cert: read(tls.cert), key: read(tls.key), serverName: tls.serverName });
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}
