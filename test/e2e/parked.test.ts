import { expect, onTestFinished, test } from "vitest";
import { json, startTestApp } from "../help/app.ts";
import { startSidecar } from "../help/sidecar.ts";

/** A route whose breaker is open, with real breakers: parked once, through all trials, until one has gone well. */

const BREAKER = "{ failures: 2, recovery: 20ms, recovery_max: 40ms }";

async function setup(upstreams: (url: string) => string) {
  const app = await startTestApp((got, res, n) => json(got.url === "/health" ? 200 : 500, {})(got, res, n));
  onTestFinished(() => app.stop());
  const sidecar = await startSidecar(`
apps:
  quiz:
    owner: a@b.example
    ${upstreams(app.url)}
    webhooks:
      later: { path: /later, mode: async, breaker: ${BREAKER}, retry: { initial: 10ms, max: 20ms, attempts: 100, budget: 100 } }
`);
  onTestFinished(() => sidecar.stop());
  const told = (): string[] =>
    sidecar.events.map(({ type }) => type).filter((type) => type === "route.parked" || type === "route.resumed");
  const post = async (): Promise<string> => {
    const answer = await fetch(`${sidecar.url}/quiz/later`, { method: "POST", body: "{}" });
    return ((await answer.json()) as { readonly id: string }).id;
  };
  const statusOf = async (id: string): Promise<unknown> => {
    const answer = await fetch(`${sidecar.url}/.outrigger/deliveries/${id}`);
    return ((await answer.json()) as { readonly status: unknown }).status;
  };
  let seen = 0;
  /** Resolves when so many more have been tried. */
  const trials = (n: number): Promise<unknown> => sidecar.event("breaker.half_open", () => ++seen >= n);
  return { app, sidecar, told, post, statusOf, trials };
}

const withBackup = (url: string): string => `health: { path: /health, interval: 1s, unhealthy_after: 1 }
    upstreams:
      - { name: primary, url: "${url}" }
      - { name: backup, url: "http://127.0.0.1:9", priority: 1 }`;

test.each([
  ["of one upstream", (url: string) => `url: "${url}"`, null],
  ["whose backup is down", withBackup, null],
  ["whose backup is known to be down", withBackup, "upstream.down"],
] as const)(
  "a route %s is parked once, though several trials fail, and resumed once, when one goes well",
  async (_name, given, after) => {
    const { app, sidecar, told, post, statusOf, trials } = await setup(given);
    if (after !== null) await sidecar.event(after);
    const ids = [await post(), await post(), await post()];
    await sidecar.event("route.parked");
    await trials(4);
    expect(told()).toEqual(["route.parked"]);
    expect(new Set(await Promise.all(ids.map(statusOf))).has("parked")).toBe(true);
    app.behave(json(200, {}));
    await sidecar.event("route.resumed");
    for (const id of ids) await sidecar.event("delivery.delivered", (event) => event.id === id);
    expect(told()).toEqual(["route.parked", "route.resumed"]);
  },
);
