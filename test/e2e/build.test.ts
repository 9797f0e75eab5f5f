import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { SourceMap } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startTestApp } from "../help/app.ts";
import { startChild } from "../help/child.ts";

/** What is published: bundled, so that each part must still find the threads, programs and files that it starts or reads. */

let root: string;
const built = (path: string): string => join(root, "dist", path);

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outrigger-build-"));
  execFileSync(process.execPath, ["build/main.ts", "--out", join(root, "dist")], { stdio: "pipe" });
  copyFileSync("package.json", join(root, "package.json"));
  symlinkSync(resolve("node_modules"), join(root, "node_modules"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const run = (...args: string[]): string =>
  execFileSync(process.execPath, [built("main.js"), ...args], { encoding: "utf8", timeout: 50_000 });

const TOKEN = "a-token-of-the-test";
const routes = (url: string): string => `admin: { tokens: [{ name: ops, role: operator, token: ${TOKEN} }] }
apps:
  quiz:
    owner: a@b.example
    url: "${url}"
    webhooks:
      now: { path: /now, response: { schema: answer.json } }
      later: { path: /later, mode: async }
`;

test("it serves what a checkout does: a call that is judged, one taken for later, a reload, the dashboard", async () => {
  const app = await startTestApp();
  onTestFinished(() => app.stop());
  const dir = mkdtempSync(join(root, "sidecar-"));
  writeFileSync(join(dir, "answer.json"), '{ "required": ["ok"], "properties": { "ok": { "const": true } } }');
  const child = await startChild(routes(app.url), { dir, main: built("main.js"), env: { APP_URL: app.url } });
  const post = (path: string): Promise<Response> => fetch(child.url + path, { method: "POST", body: "{}" });

  expect(await (await post("/quiz/now")).json()).toEqual({ ok: true });
  expect((await post("/quiz/later")).status).toBe(202);
  await app.received(2);
  expect(app.got.map(({ url }) => url)).toEqual(["/now", "/later"]);

  const got = async (path: string): Promise<string> => {
    const response = await fetch(`${child.adminUrl}/${path}`);
    expect(response.status, path).toBe(200);
    return response.text();
  };
  const page = await got("");
  for (const [, file = ""] of page.matchAll(/(?:src|href)="(dashboard\/[^"]+)"/g)) await got(file);
  for (const [, file = ""] of page.matchAll(/"\.\/(dashboard\/lib\/[^"]+)"/g)) expect(await got(file)).not.toBe("");
  expect(page).toContain("dashboard/main.js");

  // So many routes are read in a process of its own, with the environment of this one.
  const many = Array.from({ length: 200 }, (_, n) => `h${n}: /h`).join(", ");
  writeFileSync(
    join(dir, "more.yaml"),
    `apps: { poll: { owner: a@b.example, url: "\${APP_URL}", webhooks: { closed: /c, ${many} } } }\n`,
  );
  child.write(`include: [more.yaml]\n${routes(app.url)}`);
  child.signal("SIGHUP");
  await child.line((line) => line.event === "manifest.applied" && line.by !== "start");
  expect(await (await post("/poll/closed")).json()).toEqual({ ok: true });

  // What is on the disk is another release's: its reader could call things otherwise.
  const reader = built("app/reading.program.js");
  const text = readFileSync(reader, "utf8");
  writeFileSync(reader, `${text}// another\n`);
  child.write(routes(app.url));
  child.signal("SIGHUP");
  const rejected = await child.line((line) => line.event === "manifest.rejected");
  writeFileSync(reader, text);
  expect(JSON.stringify(rejected)).toMatch(/another release of outrigger was installed.*restart it/);

  // The thread that checks the files, too, has been found.
  expect(child.lines.filter(({ event }) => event === "storage.failing")).toEqual([]);
  expect(run("healthcheck", "--admin", child.adminUrl)).toBe("");
  child.signal("SIGTERM");
  expect(await child.ended).toMatchObject({ code: 0, stderr: "" });
});

test("its commands and its demo run, and it holds no text of types", () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string };
  expect(run("--version").trim()).toBe(version);
  expect(run("check", resolve("config/outrigger.yaml"))).toContain("ok");
  // Whether its promises were kept in time is asked of the checkout's: here, that all it starts and reads was found.
  const demo = spawnSync(process.execPath, [built("main.js"), "demo", "sync", "--once"], { encoding: "utf8" });
  expect(demo.stderr, demo.stdout).toBe("");
  expect(demo.stdout).toMatch(/signatures valid at the app, byte for byte +(\d+) of \1\n/);
  expect(demo.stdout).toMatch(/\n(Every promise was kept\.|.*BROKEN)/);
  expect(globSync("**/*.ts", { cwd: built("") })).toEqual([]);
});

test("each library that is copied into it goes with its licence and its version", () => {
  const texts = readFileSync(built("LICENCES.txt"), "utf8").split(`\n${"-".repeat(80)}\n\n`);
  const named = new Set(texts.map((text) => /^(\S+) \d+\.\d+\.\d+\n/.exec(text)?.[1]));
  for (const map of globSync("**/*.js.map", { cwd: built("") })) {
    for (const [, name] of readFileSync(built(map), "utf8").matchAll(/node_modules\/((?:@[^/"]+\/)?[^/"]+)\//g)) {
      expect(named).toContain(name);
    }
  }
  for (const text of texts) expect(text).toMatch(/permission|licensed under|apache license/i);
});

test("a place in it can be traced to its source", () => {
  const code = readFileSync(built("main.js"), "utf8").split("\n");
  const map = new SourceMap(JSON.parse(readFileSync(built("main.js.map"), "utf8")));
  const line = code.findIndex((text) => text.includes("function writeReply("));
  const { originalSource, originalLine } = map.findEntry(line, code[line]?.indexOf("writeReply") ?? 0) as {
    readonly originalSource: string;
    readonly originalLine: number;
  };
  const source = "src/proxy/reply.ts";
  expect(originalSource.endsWith(source)).toBe(true);
  expect(readFileSync(source, "utf8").split("\n")[originalLine]).toContain("function writeReply(");
});

test("a build is refused a folder that holds something else", () => {
  const other = mkdtempSync(join(root, "other-"));
  writeFileSync(join(other, "kept.txt"), "");
  const { status, stderr } = spawnSync(process.execPath, ["build/main.ts", "--out", other], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toContain("name an empty folder");
  expect(existsSync(join(other, "kept.txt"))).toBe(true);
});
