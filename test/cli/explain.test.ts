import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Io } from "../../src/cli/command.ts";
import { explainCommand } from "../../src/cli/explain.ts";
import { runCli } from "../../src/cli/program.ts";
import { createIo } from "../help/io.ts";

let cwd = "";
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "outrigger-explain-"));
  writeFileSync(join(cwd, "m.yaml"), MANIFEST);
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const MANIFEST = `apps:
  quiz:
    owner: x@a.example
    url: http://10.0.0.5/base
    timeout: 5s
    webhooks:
      winner:
        path: /w
        match: { path: /quiz/winner, methods: [POST] }
        fallback: { strategy: random_pick, from: /participants }
      byhost: { path: /h, match: { path: /x, host: hooks.example } }
      event: { path: /e, match: { path: /events, headers: { X-Event: push } }, retry: { repeat: always, attempts: 3 } }
`;

async function explain(args: readonly string[], given: Partial<Io> = {}) {
  const io = createIo({ cwd, ...given });
  const code = await runCli(["explain", "-c", "m.yaml", ...args], io, [explainCommand]);
  return { code, out: io.out(), err: io.err() };
}

test("it names the route, each value with its origin, and the worst case in time", async () => {
  const { code, out, err } = await explain(["post", "/quiz/winner?room=1"]);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/^quiz\/winner {2}sync {2}to http:\/\/10\.0\.0\.5\/base\/w\n/);
  expect(out).toMatch(/^timeout +5s +m\.yaml:5$/m);
  expect(out).not.toMatch(/built-in$/m);
  expect(out).toMatch(/^and \d\d built-in values: --all shows them$/m);
  expect(out).toContain("try 1: starts by 0ms, takes up to 5s\n");
  expect(out).toContain("a POST that was sent is not repeated");
  expect(out).toContain("random_pick; the caller has an answer by 5.5s\n");
});

test("--all shows the built-in values too, after those that were set", async () => {
  const { out } = await explain(["POST", "/quiz/winner", "--all"]);
  expect(out).toMatch(/^retry\.attempts +2 +built-in$/m);
  expect(out.lastIndexOf("m.yaml:")).toBeLessThan(out.indexOf("built-in"));
  const dimmed = await explain(["POST", "/quiz/winner", "--all"], { isTTY: true });
  expect(dimmed.out).toMatch(/^\u001b\[2mretry\.attempts +2 +built-in\u001b\[0m$/m);
});

test("of an async route it says how soon the tries are over, and warns where that is sooner than a restart", async () => {
  const own = (retry: string): string =>
    MANIFEST.replace("      byhost:", `      later: { async: true, path: /l, retry: ${retry} }\n      byhost:`);
  writeFileSync(join(cwd, "m.yaml"), own("{}"));
  const short = await explain(["POST", "/quiz/later"], { isTTY: true });
  expect(short.out).toContain("where the app refuses at once, the 3 tries are over within 3s, and the job is in the");
  expect(short.out).toContain(
    "\u001b[33man app that restarts may take longer: give the route retry: { attempts: 12, max: 5m }",
  );
  writeFileSync(join(cwd, "m.yaml"), own("{ attempts: 8 }"));
  const long = await explain(["POST", "/quiz/later"]);
  expect(long.out).toContain("the 8 tries are over within 91s; then the job is in the dead-letter queue\n");
});

test("the help names no default that is none", async () => {
  const io = createIo();
  expect(await runCli(["explain", "--help"], io, [explainCommand])).toBe(0);
  expect(io.out()).not.toContain("default: []");
});

test("the Host and other headers choose the route", async () => {
  expect((await explain(["GET", "/x", "-H", "Host: hooks.example:80"])).out).toContain("quiz/byhost");
  const { out } = await explain(["POST", "/events", "-H", "x-event: push", "-H", "X-Other: 1"]);
  expect(out).toContain("quiz/event");
  expect(out).toMatch(/try 3: starts by .*, takes up to .*, after a wait of up to 200ms/);
  expect(out).toContain("the error (fallback none)");
});

test("no route is 1, and shows the routes there are; another method shows what is allowed", async () => {
  const none = await explain(["POST", "/nothing"]);
  expect(none.code).toBe(1);
  expect(none.err).toContain(
    "404: no route answers POST /nothing\nroutes there are:\n  POST /quiz/winner  (quiz/winner)\n",
  );
  expect(none.err).toContain('  any /events -H "x-event: push"  (quiz/event)\n');
  expect(await explain(["GET", "/quiz/winner"])).toMatchObject({
    code: 1,
    err: "405: /quiz/winner is known, but not for GET; allowed: POST\n",
  });
});

test("a manifest without routes says so", async () => {
  writeFileSync(join(cwd, "m.yaml"), "version: 1\n");
  expect((await explain(["POST", "/x"])).err).toContain("the manifest has no routes: add an app with webhooks");
});

test("wrong usage is 2, with a hint", async () => {
  expect(await explain(["POST", "quiz"])).toMatchObject({
    code: 2,
    err: "error: quiz is no path\nTry: outrigger explain POST /quiz/answer\n",
  });
  expect(await explain(["POST", "/x", "-H", "no colon"])).toMatchObject({ code: 2 });
  expect(await explain(["POST"])).toMatchObject({ code: 2 });
});

test("a URL in place of a path is answered with how to ask for its host", async () => {
  const asked = await explain(["post", "http://hooks.example:81/x?a=1"]);
  expect(asked).toMatchObject({
    code: 2,
    err: "error: http://hooks.example:81/x?a=1 is no path\nTry: outrigger explain POST /x -H 'Host: hooks.example:81'\n",
  });
  const [, method = "", path = "", host = ""] = /explain (\S+) (\S+) -H '(.*)'/.exec(asked.err) ?? [];
  expect((await explain([method, path, "-H", host])).out).toMatch(/^quiz\/byhost /);
});

test("a refused manifest is explained by its problems", async () => {
  writeFileSync(join(cwd, "m.yaml"), "version: 2\n");
  const { code, err } = await explain(["POST", "/x"]);
  expect([code, err]).toEqual([
    1,
    "m.yaml:1:10 version: expected 1, got 2\nnothing to explain while the manifest is refused; see outrigger check m.yaml\n",
  ]);
});

test("--json gives the same to programs", async () => {
  const { out } = await explain(["POST", "/quiz/winner", "--json"]);
  const explained = JSON.parse(out) as { route: string; values: { path: string }[]; timeline: unknown };
  expect(explained.route).toBe("quiz/winner");
  expect(explained.values).toContainEqual({ path: "timeout", value: "5s", origin: "m.yaml:5" });
  expect(explained.timeline).toMatchObject({ answeredByMs: 5500 });
});
