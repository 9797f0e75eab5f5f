import { globSync } from "node:fs";
import { expect, test } from "vitest";
import { explainRoute } from "../../src/manifest/explain.ts";
import { type LoadedManifest, loadManifest } from "../../src/manifest/load.ts";
import { timelineOf } from "../../src/manifest/timeline.ts";
import { packWritten, unpackWritten } from "../../src/manifest/written.ts";

function load(text: string, env: Record<string, string> = {}): LoadedManifest {
  const result = loadManifest("/m/o.yaml", { env, readFile: () => text });
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

const LAYERS = `defaults:
  retry: { jitter: none, initial: 50ms }
capabilities:
  hook: { breaker: { failures: 7 }, timeout: 4s }
apps:
  a:
    owner: x@a.example
    upstreams:
      - { url: "http://10.0.0.5" }
      - { url: "http://10.0.0.6" }
    retry: { repeat: always }
    headers: { set: { X-Env: prod } }
    webhooks:
      hook:
        path: /h
        retry:
          attempts: 4
        fallback: { strategy: static, body: sorry }
`;

test("each value says where it was set: file and line, variable, or built in", () => {
  const loaded = load(LAYERS, {
    WEBHOOK_TIMEOUT_HOOK: "6000",
    CIRCUIT_BREAKER_SUCCESS_THRESHOLD: "2",
    APP_HEALTH_CHECK_INTERVAL: "1500",
  });
  const values = new Map(explainRoute(loaded, "a/hook")?.values.map((v) => [v.path, [v.value, v.origin]]));
  const expected = {
    path: ["/h", "/m/o.yaml:15"],
    timeout: ["6s", "WEBHOOK_TIMEOUT_HOOK"],
    "retry.attempts": [4, "/m/o.yaml:17"],
    "retry.repeat": ["always", "/m/o.yaml:11"],
    "retry.jitter": ["none", "/m/o.yaml:2"],
    "retry.max": ["1s", "built-in"],
    "breaker.failures": [7, "/m/o.yaml:4"],
    "breaker.successes": [2, "CIRCUIT_BREAKER_SUCCESS_THRESHOLD"],
    "match.path": ["/a/hook", "built-in"],
    mode: ["sync", "built-in"],
    "response.status": ["200-399", "built-in"],
    "response.max": ["1MiB", "built-in"],
    body_limit: ["1MiB", "built-in"],
    fallback: [
      [{ strategy: "static", status: 200, headers: [], body: { kind: "text", text: "sorry" } }],
      "/m/o.yaml:18",
    ],
    "headers.set": [[["X-Env", "prod"]], "/m/o.yaml:12"],
    upstreams: [["10.0.0.5 http://10.0.0.5", "10.0.0.6 http://10.0.0.6"], "/m/o.yaml:8"],
    "app.owner": ["x@a.example", "/m/o.yaml:7"],
    "app.health.interval": ["1.5s", "APP_HEALTH_CHECK_INTERVAL"],
    "app.health.timeout": ["1s", "built-in"],
    "app.failover.recovery.hold_max": ["10m", "built-in"],
    "app.sign": [null, "built-in"],
  };
  for (const [path, value] of Object.entries(expected)) expect(values.get(path), path).toEqual(value);
});

test("every value of a route and its app is explained", () => {
  const loaded = load(LAYERS);
  const paths = explainRoute(loaded, "a/hook")?.values.map((v) => v.path) ?? [];
  expect(new Set(paths).size).toBe(paths.length);
  for (const key of [
    "attempt_timeout",
    "connect_timeout",
    "verify",
    "order_by",
    "idempotency",
    "priority",
    "inbound",
    "app.network",
    "app.rate_limit",
    "app.concurrency.max",
    "app.context",
    "app.tls",
    "app.preserve_host",
  ]) {
    expect(paths).toContain(key);
  }
});

test("a webhook with its own URL says where that was written, and async where mode came from", () => {
  const loaded = load(`apps:
  a:
    owner: x@a.example
    async: false
    webhooks:
      hook: https://hooks.example/in`);
  const values = new Map(explainRoute(loaded, "a/hook")?.values.map((v) => [v.path, v.origin]));
  expect([values.get("upstreams"), values.get("path"), values.get("mode")]).toEqual([
    "/m/o.yaml:6",
    "/m/o.yaml:6",
    "/m/o.yaml:4",
  ]);
  expect(explainRoute(loaded, "a/nothing")).toBeNull();
});

const routeOf = (text: string) => {
  const route = load(`apps: { a: { owner: x@a.example, ${text} } }`).manifest.routes[0];
  if (!route) throw new Error("no route");
  return route;
};
const ONE = `url: "http://10.0.0.5"`;

test("a try that may not be repeated has all the time there is", () => {
  const route = routeOf(`${ONE}, timeout: 10s, webhooks: { hook: /h }`);
  expect(timelineOf(route, "POST")).toMatchObject({
    tries: [{ attempt: 1, startsAtMs: 0, upToMs: 10_000 }],
    answeredByMs: 10_500,
  });
  expect(timelineOf(route, "POST").note).toContain("repeat: safe");
});

test("tries that may be repeated share the time, less the waits to come, and end with the timeout", () => {
  const route = routeOf(`${ONE}, timeout: 4s, retry: { attempts: 3, initial: 200ms }, webhooks: { hook: /h }`);
  const { tries, triesEndMs } = timelineOf(route, "GET");
  expect(tries.map(({ startsAtMs, upToMs, waitMs }) => [startsAtMs, upToMs, waitMs])).toEqual([
    [0, 1133, 0],
    [1333, 1134, 200],
    [2867, 1133, 400],
  ]);
  expect(triesEndMs).toBe(4000);
});

test("each further upstream is tried once without a wait, outside attempts", () => {
  const route = routeOf(
    `upstreams: [{ url: "http://10.0.0.5" }, { url: "http://10.0.0.6" }], timeout: 3s, attempt_timeout: 500ms, retry: { repeat: always }, webhooks: { hook: /h }`,
  );
  expect(timelineOf(route, "POST").tries.map((t) => [t.startsAtMs, t.upToMs])).toEqual([
    [0, 500],
    [500, 500],
    [1100, 500],
  ]);
});

test("passthrough has one try and no promised answer; an async job ends with max_age", () => {
  expect(timelineOf(routeOf(`${ONE}, mode: passthrough, webhooks: { hook: /h }`), "GET")).toMatchObject({
    answeredByMs: null,
    tries: [{ upToMs: 10_000 }],
  });
  const route = routeOf(`${ONE}, timeout: 2s, webhooks: { hook: /h }`);
  const retry = { ...route.retry, attempts: 3, initialMs: 1000, maxMs: 30_000, maxAgeMs: 4000 };
  const later = { ...route, mode: "async" as const, retry };
  expect(timelineOf(later, "POST")).toMatchObject({
    tries: [{ startsAtMs: 0 }, { startsAtMs: 3000 }],
    triesEndMs: 4000,
    note: "max_age ends the tries",
  });
  const patient = { ...later, retry: { ...retry, maxAgeMs: 86_400_000 } };
  expect(timelineOf(patient, "POST")).toMatchObject({
    tries: [{}, { startsAtMs: 3000 }, { startsAtMs: 7000 }],
    triesEndMs: 9000,
    answeredByMs: null,
  });
});

test("the way back is the same after it was packed: for every route of every example", () => {
  const examples = ["config/outrigger.yaml", ...globSync("config/examples/**/*.yaml")];
  let explained = 0;
  for (const file of examples) {
    const loaded = loadManifest(file, { env: { APP_HEALTH_CHECK_INTERVAL: "1500", WEBHOOK_TIMEOUT_DEFAULT: "7000" } });
    if (!loaded.ok) continue;
    const { manifest, origins, mask } = loaded.value;
    const packed = packWritten(origins);
    for (const { key } of manifest.routes) {
      expect(explainRoute({ origins: unpackWritten(packed, manifest, key), mask }, key)).toEqual(
        explainRoute(loaded.value, key),
      );
      explained++;
    }
  }
  expect(explained).toBeGreaterThan(10);
});

test("what is unpacked for one route does not grow with the others, of its app or of others", () => {
  const hooks = (n: number): string => Array.from({ length: n }, (_, i) => `h${i}: { path: /${i} }`).join(", ");
  const app = (name: number, n: number): string =>
    `  a${name}: { owner: x@a.example, url: "http://10.0.0.5", retry: { attempts: 4 }, webhooks: { ${hooks(n)} } }\n`;
  const text = (apps: number, routes: number): string =>
    `defaults: { timeout: 3s }\napps:\n${Array.from({ length: apps }, (_, i) => app(i, routes)).join("")}`;
  const largest = ({ origins }: LoadedManifest): number =>
    Math.max(...packWritten(origins).map(({ byteLength }) => byteLength));
  const few = largest(load(text(1, 64)));
  expect(largest(load(text(1, 1_000)))).toBeLessThan(1.1 * few);
  expect(largest(load(text(10, 100)))).toBeLessThan(1.2 * few);
  const { manifest, origins, mask } = load(text(10, 100));
  const packed = packWritten(origins);
  for (const key of ["a0/h0", "a0/h63", "a0/h64", "a5/h50", "a9/h99"]) {
    const unpacked = { origins: unpackWritten(packed, manifest, key), mask };
    expect(explainRoute(unpacked, key)).toEqual(explainRoute({ origins, mask }, key));
    expect(unpacked.origins.routes.length).toBeLessThanOrEqual(64);
  }
  expect(explainRoute({ origins: unpackWritten(packed, manifest, "a0/none"), mask }, "a0/none")).toBe(null);
});
