import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Unproved } from "../../src/app/build.ts";
import { type ManifestDeps, type Manifests, startManifests } from "../../src/app/manifests.ts";
import { prepare } from "../../src/app/prepare.ts";
import { readFirst } from "../../src/app/reading.ts";
import { createEventBus } from "../../src/core/events.ts";
import { formatProblem } from "../../src/manifest/problem.ts";
import { hearOfChildren, killAfterPieces, nextChild } from "../help/children.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { createPlanDeps } from "../help/plan.deps.ts";
import { tempDir } from "../storage/support.ts";

/** Reloads while what they need does not answer, or fails. */

const routes = (path: string): string =>
  `apps: { quiz: { owner: dev@quiz.example, url: "http://127.0.0.1:9", webhooks: { winner: ${path} } } }\n`;

interface Rig {
  readonly clock: ReturnType<typeof createManualClock>;
  readonly manifests: Manifests;
  write(yaml: string): void;
  /** In place of what history does. */
  keep: ManifestDeps["keepRevision"];
}

async function start(given: Partial<ManifestDeps> = {}): Promise<Rig> {
  const clock = createManualClock();
  const file = join(tempDir(), "outrigger.yaml");
  const write = (yaml: string): void => writeFileSync(file, yaml);
  write(routes("/v0"));
  const prepared = prepare({ file, env: {}, standing: null });
  if (!prepared.ok) throw new Error(prepared.error.problems.map(formatProblem).join("\n"));
  const { deps, upstreams } = createPlanDeps(clock);
  onTestFinished(() => upstreams.close());
  const rig: Omit<Rig, "manifests"> = { clock, write, keep: async () => 1 };
  const manifests = await startManifests(readFirst(prepared.value), {
    ...deps,
    file,
    env: {},
    bus: createEventBus((error) => {
      throw error;
    }),
    watch: { hold: () => undefined, update: () => undefined, again: () => undefined },
    keepRevision: (applied) => rig.keep(applied),
    coming: () => undefined,
    forget: () => undefined,
    applied: () => undefined,
    ...given,
  });
  return Object.assign(rig, { manifests });
}

/** History of a disk that stalls: it is asked, and never answers. */
function stalled(rig: Rig): Promise<void> {
  return new Promise((asked) => {
    rig.keep = () => {
      asked();
      return new Promise(() => undefined);
    };
  });
}

test("a manifest is in force after three seconds where history does not answer, with the number 0", async () => {
  const rig = await start();
  const asked = stalled(rig);
  rig.write(routes("/v1"));
  const reloaded = rig.manifests.reload("test");
  await asked;
  rig.clock.advance(2_999);
  await new Promise(setImmediate);
  expect(rig.manifests.current.revision).toBe(1);
  rig.clock.advance(1);
  expect(await reloaded).toMatchObject({ ok: true, value: { revision: 0 } });
  expect(rig.manifests.current.plans[0]?.settings.path).toBe("/v1");
  expect(rig.clock.pending()).toBe(0);
});

test("a stop does not wait for history that does not answer", async () => {
  const rig = await start();
  const asked = stalled(rig);
  rig.write(routes("/v1"));
  const reloaded = rig.manifests.reload("test");
  await asked;
  const following = rig.manifests.reload("test");
  await rig.manifests[Symbol.asyncDispose]();
  for (const ended of [reloaded, following])
    expect(await ended).toMatchObject({ ok: false, error: [expect.stringMatching(/is stopping/)] });
  expect(rig.manifests.current.plans[0]?.settings.path).toBe("/v0");
  expect(rig.clock.pending()).toBe(0);
});

test("a reload that breaks leaves the way free for those that follow it", async () => {
  const rig = await start();
  rig.keep = async () => {
    rig.keep = async () => 2;
    throw new Error("a bug");
  };
  rig.write(routes("/v1"));
  const broken = rig.manifests.reload("test");
  const following = rig.manifests.reload("test");
  await expect(broken).rejects.toThrow("a bug");
  expect(await following).toMatchObject({ ok: true, value: { revision: 2 } });
  const first = rig.manifests.reload("test");
  rig.write(routes("/v2"));
  await Promise.all([first, rig.manifests.reload("test")]);
  expect(rig.manifests.current.plans[0]?.settings.path).toBe("/v2");
});

const many = (path: string): string =>
  `apps:\n  quiz:\n    owner: dev@quiz.example\n    url: "http://127.0.0.1:9"\n    webhooks:\n${Array.from({ length: 300 }, (_, n) => `      hook_${n}: ${path}/${n}\n`).join("")}`;

test("a manifest whose reader dies while its plans are made is refused, and its files are watched for the next", async () => {
  const watched: (readonly string[])[] = [];
  const kept: unknown[] = [];
  let agains = 0;
  const rig = await start({
    forget: (applied) => void kept.push(applied),
    watch: {
      hold: () => undefined,
      update: (files) => void watched.push([...files.keys()]),
      again: () => void agains++,
    },
  });
  const before = rig.manifests.current;
  rig.write(many("/v1"));
  const killed = killAfterPieces();
  const refused = await rig.manifests.reload("test");
  await killed;
  expect(refused).toMatchObject({ ok: false, error: [expect.stringMatching(/could not be read: .*SIGKILL/)] });
  expect(rig.manifests.current).toBe(before);
  expect(rig.manifests.rejection?.problems).toHaveLength(1);
  expect(watched.at(-1)).toHaveLength(1);
  expect(agains).toBe(1);
  expect(kept).toEqual([before]);
  expect(await rig.manifests.reload("test")).toMatchObject({ ok: true });
  expect(rig.manifests.rejection).toBe(null);
  expect(kept).toEqual([before]);
});

test("one whose reader dies at once is refused, what is watched stays, and it is read again later", async () => {
  const said: string[] = [];
  const rig = await start({
    watch: { hold: () => said.push("hold"), update: () => said.push("update"), again: () => said.push("again") },
  });
  rig.write(many("/v1"));
  const child = nextChild();
  const reloaded = rig.manifests.reload("test");
  const killed = await child;
  killed.once("spawn", () => killed.kill("SIGKILL"));
  expect(await reloaded).toMatchObject({ ok: false });
  expect(said).toEqual(["hold", "again"]);
});

test("a manifest that does not compile here, although it did where it was read, is refused, and the process goes on", async () => {
  let broken = false;
  const kept: unknown[] = [];
  let agains = 0;
  const rig = await start({
    watch: { hold: () => undefined, update: () => undefined, again: () => void agains++ },
    planned() {
      if (broken) throw new Unproved("no such cipher");
    },
    forget: (applied) => void kept.push(applied),
  });
  const before = rig.manifests.current;
  rig.write(routes("/v1"));
  broken = true;
  expect(await rig.manifests.reload("test")).toMatchObject({
    ok: false,
    error: [expect.stringMatching(/no such cipher/)],
  });
  expect(rig.manifests.current).toBe(before);
  expect(kept).toEqual([before]);
  // It would be refused each time.
  expect(agains).toBe(0);
  broken = false;
  expect(await rig.manifests.reload("test")).toMatchObject({ ok: true });
});

test("what requests use and the manifest they come by change in one turn, however many routes there are", async () => {
  const found: unknown[] = [];
  let rig: Rig | null = null;
  const look = (): void => void found.push(rig?.manifests.current.plans[0]?.settings.path);
  rig = await start({
    coming() {
      look();
      // Before any request could come.
      queueMicrotask(look);
    },
    applied: look,
  });
  found.length = 0;
  rig.write(many("/v1"));
  await rig.manifests.reload("test");
  expect(found).toEqual(["/v0", "/v1/0", "/v1/0"]);
});

test("a text is checked for all that a reload would refuse it for, and said in full, with its warnings", async () => {
  const rig = await start();
  const before = rig.manifests.current;
  const wrong = {
    "apps.quiz.tls": routes("/v1").replace("owner:", "tls: { ca: outrigger.yaml }, owner:"),
    data_dir: `data_dir: elsewhere\n${routes("/v1")}`,
    "apps.quiz.webhooks.winner": routes("7"),
  };
  for (const [path, text] of Object.entries(wrong)) {
    rig.write(text);
    const refused = await rig.manifests.reload("test");
    const found = await rig.manifests.check(text);
    expect(found).toContainEqual(expect.objectContaining({ path, severity: "error" }));
    expect({ ok: false, error: found.map(formatProblem) }).toEqual(refused);
  }
  const unwise = `include: ["none/*.yaml"]\n${routes("/v1")}`;
  expect(await rig.manifests.check(unwise)).toMatchObject([{ severity: "warning", line: 1 }]);
  expect(rig.manifests.current).toBe(before);
});

test("a large text is checked in a process of its own, one after the other, and a stop does not wait for it", async () => {
  const rig = await start();
  const text = `${"# much\n".repeat(4_000)}${routes("soon")}`;
  let children = 0;
  onTestFinished(hearOfChildren(() => void children++));
  const next = nextChild();
  const [first, second] = [rig.manifests.check(text), rig.manifests.check(text)];
  await next;
  expect(children).toBe(1);
  expect(await first).toMatchObject([{ line: 4001, path: "apps.quiz.webhooks.winner" }]);
  await rig.manifests[Symbol.asyncDispose]();
  expect(await second).toMatchObject([{ message: expect.stringMatching(/is stopping/) }]);
});
