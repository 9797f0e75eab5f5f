import { afterEach, expect, test } from "vitest";
import { type BuildDeps, type Built, buildPlans } from "../../src/app/build.ts";
import { PIECE_ROWS, packHead, packPieces, packTail } from "../../src/app/parcel.ts";
import { textOf } from "../../src/app/revisions.ts";
import { type Complete, createUnpacker, toldOf, type Unpacked } from "../../src/app/unpack.ts";
import { loadManifest } from "../../src/manifest/load.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { createPlanDeps } from "../help/plan.deps.ts";

/** Thousands of routes: what a reload makes anew, what it keeps, and how much of either it does at once. */

const clock = createManualClock();
const { deps: shared, upstreams } = createPlanDeps(clock);
afterEach(() => upstreams.close());

/** Plans that were made, by route, and turns that were given meanwhile. */
function createDeps() {
  const made: string[] = [];
  const turns: number[] = [];
  const deps: BuildDeps = {
    ...shared,
    later: (route) => {
      made.push(route.key);
      return shared.later(route);
    },
    turn: async () => void turns.push(made.length),
  };
  return { deps, made, turns };
}

/** As another process would give it: what arrives are copies. */
function arrive(yaml: string, before: Unpacked | null = null): Complete {
  const loaded = loadManifest("/m/o.yaml", { env: {}, readFile: () => yaml });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const unpacker = createUnpacker(before);
  for (const piece of packPieces(loaded.value.manifest)) {
    expect(Math.max(piece.rows.length, piece.apps.length)).toBeLessThanOrEqual(PIECE_ROWS);
    unpacker.take(structuredClone(piece));
  }
  const prepared = { loaded: loaded.value, tls: null, appTls: new Map() };
  const unpacked = unpacker.end(structuredClone(packHead(prepared)));
  return { ...unpacked, ...toldOf(structuredClone(packTail(prepared)), unpacked.loaded) };
}

const quiz = (routes: number, of: (n: number) => string, app = ""): string =>
  `apps:\n  quiz:\n    owner: dev@quiz.example\n    url: "http://127.0.0.1:9"\n${app}    webhooks:\n${Array.from(
    { length: routes },
    (_, n) => `      hook_${n}: ${of(n)}\n`,
  ).join("")}`;

const usual = (n: number): string => `{ path: /h/${n}, retry: { attempts: 2 } }`;

async function build(manifest: Unpacked, before: Built | null = null) {
  const { deps, made, turns } = createDeps();
  return { built: await buildPlans(manifest, before, deps), made, turns };
}

test("of thousands of routes no more than 128 are planned in a turn", async () => {
  const { made, turns } = await build(arrive(quiz(3000, (n) => `/h/${n}`)));
  expect(made.length).toBe(3000);
  const atOnce = turns.map((count, i) => count - (turns[i - 1] ?? 0));
  expect(Math.max(...atOnce)).toBeLessThanOrEqual(128);
  expect(turns.length).toBe(Math.floor(3001 / 128));
});

test("a turn ends when its time is over, however few routes were planned: the first ones take long", async () => {
  const { deps, made, turns } = createDeps();
  let now = 0;
  const slow: BuildDeps = {
    ...deps,
    clock: { ...clock, now: () => now },
    later(route) {
      now++;
      return deps.later(route);
    },
  };
  await buildPlans(arrive(quiz(50, (n) => `/h/${n}`)), null, slow);
  expect(made.length).toBe(50);
  expect(turns).toEqual(Array.from({ length: 25 }, (_, i) => 2 * (i + 1)));
});

test("a reload makes the plans of the routes it changes, and of no other; the order is that of the new manifest", async () => {
  const first = arrive(quiz(1000, usual));
  const { built } = await build(first);
  const changed = (n: number): string => (n === 7 ? "{ path: /other }" : usual(n));
  const { built: next, made } = await build(arrive(quiz(999, changed), first), built);
  expect(made).toEqual(["quiz/hook_7"]);
  expect(next.plans.map((plan) => plan.settings.capability)).toEqual(
    Array.from({ length: 999 }, (_, n) => `hook_${n}`),
  );
  expect(next.plans.filter((plan, n) => plan !== built.plans[n]).map((plan) => plan.settings.path)).toEqual(["/other"]);
});

test("a breaker is asked for once, by its plan: who keeps it in force, and who resets it, has it from there", async () => {
  const { deps } = createDeps();
  const asked: unknown[] = [];
  const breakers: BuildDeps["breakers"] = {
    ...deps.breakers,
    cell(id, settings) {
      const cell = deps.breakers.cell(id, settings);
      asked.push(cell);
      return cell;
    },
  };
  const mode = (n: number): string => (n === 0 ? "{ path: /h, mode: passthrough }" : usual(n));
  const { plans } = await buildPlans(arrive(quiz(2, mode)), null, { ...deps, breakers });
  expect(asked.length).toBe(2);
  expect(plans.flatMap((plan) => plan.breakers)).toEqual(asked);
});

test("a change of what all routes of an app stand on makes all of them anew", async () => {
  const first = arrive(quiz(50, usual));
  const { built } = await build(first);
  for (const yaml of [
    quiz(50, usual, "    rate_limit: { rps: 5 }\n"),
    quiz(50, usual, "    context: { room: { header: X-Room } }\n"),
    `egress: { deny: [10.0.0.0/8] }\n${quiz(50, usual)}`,
    `defaults: { timeout: 3s }\n${quiz(50, usual)}`,
  ]) {
    expect((await build(arrive(yaml, first), built)).made.length).toBe(50);
  }
  const tls = { ca: null, cert: null, key: null, serverName: "quiz.example" };
  const { made } = await build({ ...arrive(quiz(50, usual), first), appTls: new Map([["quiz", tls]]) }, built);
  expect(made.length).toBe(50);
});

test("an upstream that only kept plans use stays, with its connections", async () => {
  const first = arrive(quiz(3, usual));
  const { built } = await build(first);
  const [route] = first.loaded.manifest.routes;
  const app = route && built.apps.get(route.app);
  if (route === undefined || app === undefined) throw new Error("the manifest has a route");
  const get = () => upstreams.get(route.app, route.app.upstreams[0]!, app, route.connectTimeoutMs);
  const used = get();
  upstreams.sweep();
  await build(arrive(quiz(4, usual), first), built);
  upstreams.sweep();
  expect(get()).toBe(used);
});

test("routes that say the same have the same settings, however many wrote them down", () => {
  const { routes } = arrive(quiz(3000, (n) => `/h/${n}`)).loaded.manifest;
  for (const key of ["app", "upstreams", "retry", "breaker", "fallback", "response", "headers"] as const) {
    expect([key, new Set(routes.map((route) => route[key])).size]).toEqual([key, 1]);
  }
});

test("what arrives is what was sent, all of it and frozen", () => {
  const yaml = `
egress: { allow: [10.0.0.0/8] }
defaults: { response: { status: 200-299 } }
apps:
  a:
    url: http://10.0.0.5
    sign: { secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] }
    webhooks:
      one: { path: /1, fallback: { strategy: static, body: { sorry: true } }, headers: { set: { X-A: b } } }
      two: { url: "http://10.0.0.6/2", mode: async, order_by: { header: X-Room } }
      three: { path: /3, inbound: { verify: bearer, secrets: [token-of-three] }, match: { methods: [PUT] } }
  b: { upstreams: [{ url: "http://10.0.0.7" }, { url: "http://10.0.0.8" }], webhooks: { one: /1 } }
`;
  const sent = loadManifest("/m/o.yaml", { env: {}, readFile: () => yaml });
  if (!sent.ok) throw new Error(JSON.stringify(sent.error));
  const { manifest, mask, hash } = arrive(yaml).loaded;
  expect(manifest).toEqual(sent.value.manifest);
  expect(hash).toBe(sent.value.hash);
  expect(mask("token-of-three")).toBe("***");
  const frozen = (value: unknown): boolean =>
    value === null || typeof value !== "object" || (Object.isFrozen(value) && Object.values(value).every(frozen));
  expect(frozen(manifest)).toBe(true);
});

test("the manifest as it is shown arrives whole, without its secrets", async () => {
  const text = await textOf(
    arrive(quiz(300, usual, '    headers: { set: { Authorization: "Bearer abcdefgh" } }\n')).shown,
  );
  expect(text).not.toContain("abcdefgh");
  expect(JSON.parse(text)).toMatchObject({ version: 1, routes: { length: 300 } });
});
