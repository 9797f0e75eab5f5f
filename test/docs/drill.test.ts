import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { commandsOf } from "../../src/cli/commands.ts";
import { runCli } from "../../src/cli/program.ts";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { json, startTestApp } from "../help/app.ts";
import { call } from "../help/call.ts";
import { fencedBlocks } from "../help/fenced.ts";
import { createIo } from "../help/io.ts";
import { type ShellLine, shellLines } from "../help/pages.ts";
import { startSidecar } from "../help/sidecar.ts";

/** The restore drill of the operators' guide: a copy is looked at, and no app and no channel hears of it. */

const GUIDE = "docs/guides/operators.md";
const drill = fencedBlocks(GUIDE).find(({ info }) => info === "drill")?.text ?? "";
const commands = commandsOf({
  clock: systemClock,
  random: systemRandom,
  move: () => Promise.reject(new Error("no spool is moved here")),
});

function lineOf(start: string): ShellLine {
  const [line, ...more] = shellLines(GUIDE).filter((one) => one.line.startsWith(start));
  if (line === undefined || more.length > 0) throw new Error(`not one line of the guide begins with ${start}`);
  return line;
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-drill-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

const TOKENS = "admin: { tokens: [{ name: ops, role: operator, token: a-token-of-the-drill }] }\n";

async function run(words: readonly string[], admin: string, cwd: string): Promise<string> {
  const io = createIo({ cwd, env: { OUTRIGGER_ADMIN: admin, OUTRIGGER_ADMIN_TOKEN: "a-token-of-the-drill" } });
  const code = await runCli(words, io, commands);
  expect(`${code}: ${io.err()}`).toBe("0: ");
  return io.out();
}

const manifestOf = (app: string, chat: string): string => `
notify:
  channels: { chat: { type: slack, url: "${chat}" } }
  routes: [{ on: [dlq.added, delivery.delivered, route.parked], to: [chat] }]
apps:
  quiz:
    owner: dev@quiz.example
    url: "${app}"
    webhooks: { analytics: { async: true, path: /analytics }, refused: { async: true, path: /refused } }
`;

/** A sidecar with one delivery that waits, a dead one, and a notification that waits; stopped, with its copy. */
async function startOriginal(manifest: string) {
  const cwd = folder();
  const sidecar = await startSidecar(TOKENS + manifest, { dir: cwd });
  onTestFinished(() => sidecar.stop());
  await call(`${sidecar.url}/quiz/refused`, { body: "{}" });
  const dead = await sidecar.event("dlq.added");
  await run(["pause", "quiz", "analytics"], sidecar.adminUrl, cwd);
  await call(`${sidecar.url}/quiz/analytics`, { body: "{}" });
  const waiting = await sidecar.event("delivery.queued", ({ capability }) => capability === "analytics");
  await run(lineOf("outrigger spool backup drill-copy.db").words.slice(1), sidecar.adminUrl, cwd);
  await sidecar.stop();
  return {
    dead: dead.id,
    waiting: waiting.id,
    copy: { spool: join(cwd, "drill-copy.db"), history: join(cwd, "data", "history.db") },
  };
}

async function startCopy(copy: { readonly spool: string; readonly history?: string }, manifest: string) {
  const dir = folder();
  mkdirSync(join(dir, "drill"), { mode: 0o700 });
  copyFileSync(copy.spool, join(dir, "drill", "spool.db"));
  if (copy.history !== undefined) copyFileSync(copy.history, join(dir, "drill", "history.db"));
  const elsewhere = drill.replace("127.0.0.1:8081", "127.0.0.1:0").replace("127.0.0.1:9091", "127.0.0.1:0");
  const sidecar = await startSidecar(elsewhere + TOKENS + manifest, { whole: true, dir });
  onTestFinished(() => sidecar.stop());
  return {
    ...sidecar,
    run: (words: readonly string[]) => run(words, sidecar.adminUrl, dir),
    /** A line of the guide, which names the sidecar by its manifest. */
    shown: (start: string) => run(lineOf(`${start} -c drill.yaml`).words.slice(1, -2), sidecar.adminUrl, dir),
  };
}

test("a copy under the drill's manifest shows what waits and what died and sends nothing; under its own it would", async () => {
  const [app, chat] = [await startTestApp(), await startTestApp()];
  for (const one of [app, chat]) onTestFinished(() => one.stop());
  const manifest = manifestOf(app.url, chat.url);
  app.behave(json(422, { error: "no" }));
  chat.behave(json(503, {}));
  const { dead, waiting, copy } = await startOriginal(manifest);
  app.behave(json(200, {}));
  chat.behave(json(200, {}));
  const sent = (): readonly number[] => [app.got.length, chat.got.length];
  const before = sent();

  const trial = await startCopy({ spool: copy.spool }, "");
  expect(await trial.event("route.parked")).toMatchObject({ capability: "analytics", cause: "no_route" });
  expect(await trial.shown("outrigger deliveries list")).toMatch(
    new RegExp(`^${waiting} +quiz/analytics +queued .*parked: no_route`, "m"),
  );
  expect(await trial.shown("outrigger dlq list")).toContain(dead);
  await trial.run(["dlq", "retry", dead]);
  await trial.event("route.parked", ({ capability }) => capability === "refused");
  expect(sent()).toEqual(before);

  // What the guide warns of: this very copy under the manifest that runs.
  const live = await startCopy({ spool: copy.spool }, manifest);
  expect(await live.event("delivery.delivered")).toMatchObject({ id: waiting });
});

test("a restore of both files keeps what operators said: a paused route stays so", async () => {
  const app = await startTestApp();
  onTestFinished(() => app.stop());
  const manifest = manifestOf(app.url, app.url);
  app.behave(json(422, { error: "no" }));
  const { waiting, copy } = await startOriginal(manifest);
  const restored = await startCopy(copy, manifest);
  expect(await restored.event("route.parked")).toMatchObject({ capability: "analytics", cause: "paused", by: "ops" });
  expect(await restored.run(["deliveries", "list"])).toMatch(new RegExp(`^${waiting} .*parked: paused`, "m"));
});
