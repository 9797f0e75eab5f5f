import { expect, onTestFinished, test } from "vitest";
import { createApps } from "../../src/app/apps.ts";
import { type Built, buildPlans } from "../../src/app/build.ts";
import { openFailovers } from "../../src/app/failovers.ts";
import { packHead, packPieces } from "../../src/app/parcel.ts";
import { createUnpacker, type Unpacked } from "../../src/app/unpack.ts";
import { loadManifest } from "../../src/manifest/load.ts";
import type { Bulkhead } from "../../src/policy/bulkhead.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { createPlanDeps } from "../help/plan.deps.ts";
import { tempDir } from "../storage/support.ts";

/** What calls under way use while a large manifest is built beside them, turn by turn. */

const ROUTES = 300;

interface Written {
  /** Other apps. */
  readonly others?: string;
  readonly app: string;
  readonly connectTimeout: (n: number) => string;
  readonly dryRun: boolean;
}

function manifestOf({ others = "", app, connectTimeout, dryRun }: Written, before: Unpacked | null): Unpacked {
  const routes = Array.from(
    { length: ROUTES },
    (_, n) =>
      `      hook_${n}: { path: /h/${n}, connect_timeout: ${connectTimeout(n)}, breaker: { dry_run: ${dryRun} } }\n`,
  );
  const yaml = `apps:\n${others}  quiz:\n    owner: dev@quiz.example\n${app}    webhooks:\n${routes.join("")}`;
  const loaded = loadManifest("/m/o.yaml", { env: {}, readFile: () => yaml });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const unpacker = createUnpacker(before);
  for (const piece of packPieces(loaded.value.manifest)) unpacker.take(structuredClone(piece));
  return unpacker.end(structuredClone(packHead({ loaded: loaded.value, tls: null, appTls: new Map() })));
}

function freeOf(slots: Bulkhead): number {
  let free = 0;
  while (slots.tryEnter()) free++;
  for (let n = 0; n < free; n++) slots.leave();
  return free;
}

async function rig() {
  const clock = createManualClock();
  const { deps: plain, breakers, upstreams } = createPlanDeps(clock);
  const storage = await openStorage({ dataDir: tempDir(), clock, onEvent: () => undefined });
  const probed = new Set<string>();
  const failovers = await openFailovers({
    ...plain,
    bus: { emit: () => undefined },
    sharing: null,
    history: storage.history,
    onWell: () => undefined,
    probe: (app) => {
      probed.add(app.name);
      return new Promise(() => undefined);
    },
  });
  onTestFinished(async () => {
    failovers.stop();
    await upstreams.close();
    await storage.close();
  });
  const apps = createApps(clock);
  const deps = { ...plain, failovers, appState: apps.state };
  const build = (next: Unpacked, before: Built | null, turn: () => void) =>
    buildPlans(next, before, { ...deps, turn: async () => turn() });
  const putInForce = ({ loaded: { manifest } }: Unpacked, { plans }: Built): void => {
    breakers.retain(plans.flatMap((plan) => plan.breakers.map((cell) => ({ cell, settings: plan.settings.breaker }))));
    failovers.applied(manifest.apps, new Set(plans.map(({ ref }) => ref.key)));
    apps.retain(manifest.apps);
    upstreams.sweep();
  };
  const first = manifestOf(FIRST, null);
  const built = await build(first, null, () => undefined);
  const [route] = first.loaded.manifest.routes;
  if (route === undefined) throw new Error("there are routes");
  const held = upstreams.get(route.app, route.app.upstreams[0]!, built.apps.get(route.app)!, 1000);
  putInForce(first, built);
  const take = built.plans[0]?.takeToken;
  expect(take?.(clock.now())).toBe(0);
  /** As a call of the first manifest finds it. */
  const found = () => ({
    connectTimeoutMs: held.client.connectTimeoutMs,
    slots: freeOf(held.slots),
    tokenInMs: Math.round(take?.(clock.now()) ?? 0),
    dryRun: breakers.list(clock.now()).map(({ dryRun }) => dryRun)[0],
    upstreams: failovers.list()[0]?.upstreams.map(({ upstream }) => upstream),
  });
  const forget = (): void => {
    for (const one of [breakers, failovers, upstreams]) one.forget();
  };
  return { clock, first, built, build, putInForce, found, failovers, probed, forget };
}

const url = (n: number): string => `http://127.0.0.1:${n}`;
const FIRST: Written = {
  app: `    upstreams: [{ name: primary, url: "${url(9)}" }]\n    concurrency: { max: 4 }\n    rate_limit: { rps: 1, burst: 1 }\n`,
  connectTimeout: () => "1s",
  dryRun: false,
};
const FOUND = { connectTimeoutMs: 1000, slots: 4, tokenInMs: 1000, dryRun: false, upstreams: ["primary"] };

test("nothing that calls use changes before the manifest is in force, and all of it then", async () => {
  const { first, built, build, putInForce, found } = await rig();
  const meanwhile: unknown[] = [];
  const next = manifestOf(
    {
      app: `    upstreams: [{ name: primary, url: "${url(9)}" }, { name: backup, url: "${url(10)}" }]\n    concurrency: { max: 4 }\n    rate_limit: { rps: 100, burst: 1 }\n`,
      connectTimeout: (n) => (n === ROUTES - 1 ? "3s" : "100ms"),
      dryRun: true,
    },
    first,
  );
  expect(found()).toEqual(FOUND);
  const following = await build(next, built, () => meanwhile.push(found()));
  expect(meanwhile).toEqual([FOUND, FOUND]);
  expect(found()).toEqual(FOUND);
  putInForce(next, following);
  expect(found()).toEqual({
    connectTimeoutMs: 3000,
    slots: 4,
    tokenInMs: 10,
    dryRun: true,
    upstreams: ["primary", "backup"],
  });
});

test("of a manifest that came to nothing while it was built, nothing is left in the one after it", async () => {
  const { first, built, build, putInForce, found, failovers, forget } = await rig();
  const others = `  score: { owner: dev@score.example, url: "${url(11)}", webhooks: { hook: { path: /s } } }\n`;
  const given = manifestOf({ ...FIRST, others, connectTimeout: () => "9s" }, first);
  const [score] = given.loaded.manifest.apps.filter(({ name }) => name === "score");
  await build(given, built, () => undefined);
  const held = failovers.of(score!, score!.upstreams[0]!);
  forget();
  const next = manifestOf({ ...FIRST, connectTimeout: () => "100ms" }, first);
  putInForce(next, await build(next, built, () => undefined));
  expect(found()).toEqual({ ...FOUND, connectTimeoutMs: 100 });
  // It comes for the first time now.
  const again = manifestOf({ ...FIRST, others }, next);
  putInForce(again, await build(again, built, () => undefined));
  expect(failovers.find("score")?.of(score!.upstreams[0]!)?.watch).not.toBe(held?.watch);
});

test("nor of an upstream that an app in force was to have: it comes for the first time with the next one", async () => {
  const { first, built, build, forget, failovers } = await rig();
  const app = `    upstreams: [{ name: primary, url: "${url(9)}" }, { name: backup, url: "${url(10)}" }]\n`;
  const given = manifestOf({ ...FIRST, app }, first);
  const [quiz] = given.loaded.manifest.apps;
  await build(given, built, () => undefined);
  const held = failovers.of(quiz!, quiz!.upstreams[1]!);
  expect(failovers.of(quiz!, quiz!.upstreams[1]!)?.watch).toBe(held?.watch);
  forget();
  expect(failovers.of(quiz!, quiz!.upstreams[1]!)?.watch).not.toBe(held?.watch);
});

test("the same of another number of slots, which comes with connections of its own", async () => {
  const { first, built, build, putInForce, found } = await rig();
  const meanwhile: unknown[] = [];
  const next = manifestOf(
    { ...FIRST, app: FIRST.app.replace("concurrency: { max: 4 }", "concurrency: { max: 7 }") },
    first,
  );
  const following = await build(next, built, () => meanwhile.push(found()));
  expect(meanwhile).toEqual([FOUND, FOUND]);
  putInForce(next, following);
  expect(found()).toMatchObject({ slots: 7 });
});

test("plans that come with another upstream hold the health that it has once they are in force", async () => {
  const { first, built, build, putInForce, failovers } = await rig();
  const app = `    upstreams: [{ name: primary, url: "${url(9)}" }, { name: backup, url: "${url(10)}" }]\n`;
  const next = manifestOf({ ...FIRST, app }, first);
  const [{ app: settings } = { app: undefined }] = next.loaded.manifest.routes;
  const backup = settings?.upstreams[1];
  if (settings === undefined || backup === undefined) throw new Error("there is a backup");
  const following = await build(next, built, () => undefined);
  const held = failovers.of(settings, backup);
  expect(failovers.find("quiz")?.of(backup)).toBe(null);
  putInForce(next, following);
  const own = failovers.find("quiz")?.of(backup);
  expect(own?.health).toBe(held?.health);
  expect(own?.watch).toBe(held?.watch);
  expect(failovers.find("quiz")?.pin("backup", "ops")).toBe(true);
  expect(held?.health.rank).toBeLessThan(failovers.of(settings, settings.upstreams[0]!)?.health.rank ?? 0);
});

test("an app that comes is not probed, and nobody finds it, before it is in force", async () => {
  const { clock, first, built, build, putInForce, failovers, probed } = await rig();
  const others = `  score:
    owner: dev@score.example
    upstreams: [{ name: primary, url: "${url(11)}" }, { name: backup, url: "${url(12)}" }]
    webhooks: { hook: { path: /s } }
`;
  const next = manifestOf({ ...FIRST, others }, first);
  const following = await build(next, built, () => undefined);
  const settings = next.loaded.manifest.apps.find(({ name }) => name === "score");
  const backup = settings?.upstreams[1];
  if (settings === undefined || backup === undefined) throw new Error("there is a backup");
  const held = failovers.of(settings, backup);
  clock.advance(60_000);
  expect(failovers.find("score")).toBe(null);
  expect(failovers.list().map(({ app }) => app)).toEqual(["quiz"]);
  expect([...probed]).not.toContain("score");
  putInForce(next, following);
  clock.advance(1_000);
  expect([...probed]).toContain("score");
  expect(failovers.find("score")?.of(backup)?.health).toBe(held?.health);
  expect(failovers.list().map(({ app }) => app)).toEqual(next.loaded.manifest.apps.map(({ name }) => name));
});
