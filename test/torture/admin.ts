import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dead } from "./facts.ts";

/** What the harness asks a sidecar: as an operator on the admin listener, as a caller on the proxy. */
export interface Asking {
  /** Jobs that have not ended. */
  unfinished(): Promise<number>;
  dead(): Promise<readonly Dead[]>;
  /** Upstreams of routes whose breakers are not closed. */
  refusing(): Promise<readonly string[]>;
  /** What a caller is told of its delivery, for people. */
  told(id: string): Promise<string>;
}

interface Breakers {
  readonly capability: string;
  readonly upstreams: readonly { readonly upstream: string; readonly state: string }[];
}

const UNFINISHED = ["queued", "leased", "verifying"];
const ASK_MS = 10_000;

export function ask(adminUrl: string, proxyUrl: string, dataDir: string): Asking {
  const get = async (path: string): Promise<unknown> => {
    const token = readFileSync(join(dataDir, "admin-token"), "utf8").trim();
    const url = `${adminUrl}/api/v1/admin${path}`;
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(ASK_MS) });
    if (!response.ok)
      throw new Error(`GET ${path} answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
    return await response.json();
  };
  return {
    async unfinished() {
      const { spool } = (await get("/status")) as { spool?: { states?: Record<string, number> } };
      if (!spool?.states) throw new Error("GET /status answered without spool.states");
      const { states } = spool;
      return UNFINISHED.reduce((sum, state) => sum + (states[state] ?? 0), 0);
    },
    async dead() {
      const found: Dead[] = [];
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const page = (await get(`/dlq?limit=1000${query}`)) as { items: Dead[]; next: string | null };
        found.push(...page.items.map(({ id, reason }) => ({ id, reason })));
        cursor = page.next;
      } while (cursor !== null);
      return found;
    },
    async refusing() {
      const { items } = (await get("/circuit-breaker/status")) as { items: Breakers[] };
      return items.flatMap(({ capability, upstreams }) =>
        upstreams.filter(({ state }) => state !== "closed").map(({ upstream }) => `${capability} at ${upstream}`),
      );
    },
    async told(id) {
      const response = await fetch(`${proxyUrl}/.outrigger/deliveries/${id}`, { signal: AbortSignal.timeout(ASK_MS) });
      return `${response.status} ${(await response.text()).slice(0, 300)}`;
    },
  };
}
