import { expect } from "vitest";
import { recordingUpstream } from "../help/raw.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";
import { runAnswerVectors } from "./answers.run.ts";
import type { Held } from "./level.ts";
import { routeManifest, routeVectors } from "./vectors.route.ts";
import { runRequestVectors } from "./vectors.run.ts";

/** The same bytes against the whole proxy: nothing may be lost between the checks and the last layer. */

const manifest = (port: number, mode: string): string => `
apps:
  wire:
    owner: dev@wire.example
    url: "http://127.0.0.1:${port}"
    webhooks:
      any:
        mode: ${mode}
        path: /wire
        match: { path: "/wire/*" }
        retry: { attempts: 1 }
        breaker: { enabled: false }
`;

/** Whatever was sent, nothing of it is left: no connection, no request under way, no byte that is held. */
const heldBy =
  ({ app }: Sidecar): Held =>
  () => ({
    "callers' connections": app.connections(),
    "requests in flight": app.inFlight(),
    "bytes of bodies": app.heldBytes(),
  });

async function startRequests(mode: string, write = manifest) {
  const upstream = await recordingUpstream();
  const sidecar = await startSidecar(write(upstream.port, mode));
  return {
    port: sidecar.port,
    upstreamSaw: upstream.saw,
    upstreamRequests: upstream.requests,
    authority: `127.0.0.1:${upstream.port}`,
    forget: upstream.forget,
    held: heldBy(sidecar),
    upstream,
    stop: async () => {
      await sidecar.stop();
      await upstream.stop();
    },
  };
}

/** What is stored first: the caller's word for it is 202, and the upstream sees it a little later. */
async function startStored(write = manifest) {
  const upstream = await recordingUpstream();
  const sidecar = await startSidecar(write(upstream.port, "async"));
  const stored = (): number => sidecar.events.filter(({ type }) => type === "delivery.queued").length;
  let before = 0;
  return {
    port: sidecar.port,
    upstreamSaw: upstream.saw,
    upstreamRequests: upstream.requests,
    authority: `127.0.0.1:${upstream.port}`,
    forget: () => {
      before = stored();
      upstream.forget();
    },
    sent: async (count: number) => {
      expect(stored() - before).toBe(count);
      await upstream.received(before + count);
    },
    held: heldBy(sidecar),
    upstream,
    stop: async () => {
      await sidecar.stop();
      await upstream.stop();
    },
  };
}

async function startAnswers(mode: string, upstreamPort: number) {
  const sidecar: Sidecar = await startSidecar(manifest(upstreamPort, mode));
  return {
    port: sidecar.port,
    reasonOf: async (wanted: string) => (await sidecar.event("request.completed", ({ id }) => id === wanted)).reason,
    held: heldBy(sidecar),
    stop: sidecar.stop,
  };
}

runRequestVectors("a sync route", () => startRequests("sync"));
runAnswerVectors("a sync route", (port) => startAnswers("sync", port));

runRequestVectors("an async route", () => startStored(), { accepted: 202 });

runRequestVectors("a passthrough route", () => startRequests("passthrough"), { streaming: true });
runAnswerVectors("a passthrough route", (port) => startAnswers("passthrough", port), { streaming: true });

runRequestVectors("sync routes that read headers", () => startRequests("sync", routeManifest), {
  vectors: routeVectors("sync"),
});
runRequestVectors("async routes that read headers", () => startStored(routeManifest), {
  accepted: 202,
  vectors: routeVectors("async"),
});
runRequestVectors("passthrough routes that read headers", () => startRequests("passthrough", routeManifest), {
  streaming: true,
  vectors: routeVectors("passthrough"),
});
