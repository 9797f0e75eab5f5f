import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkCommand } from "../../src/cli/check.ts";
import type { Io } from "../../src/cli/command.ts";
import { runCli } from "../../src/cli/program.ts";
import { createIo } from "../help/io.ts";

let cwd = "";
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "outrigger-check-"));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const GOOD = "apps: { a: { owner: x@a.example, url: 'http://10.0.0.5', webhooks: { hook: /h } } }\n";
const WARNED = "apps: { a: { url: 'http://10.0.0.5', webhooks: { hook: /h } } }\n";
const BAD = "version: 2\napps: { a: { url: 'http://10.0.0.5', webhooks: { hook: { path: /h, timeout: never } } } }\n";

async function check(args: readonly string[], given: Partial<Io> = {}) {
  const io = createIo({ cwd, ...given });
  const code = await runCli(["check", ...args], io, [checkCommand]);
  return { code, out: io.out(), err: io.err() };
}

test("a good manifest is said to be good, and exits with 0", async () => {
  writeFileSync(join(cwd, "good.yaml"), GOOD);
  expect(await check(["good.yaml"])).toEqual({ code: 0, out: "ok good.yaml: 1 app, 1 route\n", err: "" });
});

test("every problem is a line with file, line and column, named as on the command line, and the exit code is 1", async () => {
  writeFileSync(join(cwd, "bad.yaml"), BAD);
  const { code, out, err } = await check(["bad.yaml"]);
  expect([code, out]).toEqual([1, ""]);
  expect(err.split("\n")).toEqual([
    "bad.yaml:1:10 version: expected 1, got 2",
    'bad.yaml:2:77 apps.a.webhooks.hook.timeout: expected a duration such as 250ms, 2s, 5m, or a number of milliseconds; got "never"',
    "bad.yaml:2:9 apps.a: warning: no owner: nobody is told when this app fails",
    "refused bad.yaml: 2 errors, 1 warning; mend them and run outrigger check bad.yaml again",
    "",
  ]);
});

test("warnings are shown and do not fail", async () => {
  writeFileSync(join(cwd, "warned.yaml"), WARNED);
  const { code, out, err } = await check(["warned.yaml"]);
  expect([code, out]).toEqual([0, "ok warned.yaml: 1 app, 1 route, 1 warning\n"]);
  expect(err).toBe("warned.yaml:1:9 apps.a: warning: no owner: nobody is told when this app fails\n");
});

test("async routes that nobody gave time for a restart of their app are named, with what to add; those that chose are not", async () => {
  const manifest = (note: string, more = ""): string => `${more}
apps:
  a:
    owner: x@a.example
    url: http://10.0.0.5
    webhooks: { hook: /h, note: ${note}, b: { path: /b, async: true, retry: { attempts: 2 } } }
`;
  const file = join(cwd, "async.yaml");
  writeFileSync(file, manifest("{ path: /n, async: true }"));
  expect((await check(["async.yaml"])).out).toBe(
    "ok async.yaml: 1 app, 3 routes\n" +
      "note: deliveries of a/note are dead within 3s where the app is down, as while it restarts; " +
      "to wait for it, add retry: { attempts: 12, max: 5m }\n",
  );
  expect(JSON.parse((await check(["async.yaml", "--json"])).out)).not.toHaveProperty("files.0.notes");
  writeFileSync(file, manifest("{ path: /n, async: true, retry: { attempts: 12, max: 5m } }"));
  expect((await check(["async.yaml"])).out).toBe("ok async.yaml: 1 app, 3 routes\n");
  writeFileSync(file, manifest("{ path: /n, async: true }", "capabilities: { note: { retry: { attempts: 4 } } }"));
  expect((await check(["async.yaml"])).out).toBe("ok async.yaml: 1 app, 3 routes\n");
  writeFileSync(file, manifest("{ path: /n, async: true }"));
  expect((await check(["async.yaml"], { env: { WEBHOOK_RETRY_MAX_ATTEMPTS: "3" } })).out).not.toContain("note:");
});

test("several files are all checked; one bad one is enough for 1", async () => {
  writeFileSync(join(cwd, "good.yaml"), GOOD);
  writeFileSync(join(cwd, "bad.yaml"), BAD);
  const { code, out, err } = await check(["bad.yaml", "-c", "good.yaml"]);
  expect(code).toBe(1);
  expect(out).toContain("ok good.yaml");
  expect(err).toContain("refused bad.yaml");
});

test("without a file it is OUTRIGGER_CONFIG, else the one that ships", async () => {
  writeFileSync(join(cwd, "mine.yaml"), GOOD);
  expect((await check([], { env: { OUTRIGGER_CONFIG: "mine.yaml" } })).out).toContain("ok mine.yaml");
  expect((await check([], { cwd: process.cwd() })).out).toBe("ok config/outrigger.yaml: 0 apps, 0 routes\n");
  expect((await check([])).err).toContain("config/outrigger.yaml:1:1 file: there is no file");
});

test("a bad variable is a problem by its name", async () => {
  writeFileSync(join(cwd, "good.yaml"), GOOD);
  const { code, err } = await check(["good.yaml"], { env: { QUEUE_CONCURRENCY: "many" } });
  expect(code).toBe(1);
  expect(err).toContain('QUEUE_CONCURRENCY: expected a whole number from 1 to 10000, got "many"\n');
});

test("a JSON Schema that does not compile is found by check", async () => {
  writeFileSync(join(cwd, "s.json"), '{"type":"objekt"}');
  writeFileSync(join(cwd, "m.yaml"), GOOD.replace("hook: /h", "hook: { path: /h, response: { schema: s.json } }"));
  expect((await check(["m.yaml"])).err).toContain("s.json is no JSON Schema");
});

test("--json is one document for programs", async () => {
  writeFileSync(join(cwd, "good.yaml"), GOOD);
  writeFileSync(join(cwd, "bad.yaml"), BAD);
  const { code, out, err } = await check(["good.yaml", "bad.yaml", "--json"]);
  expect([code, err]).toEqual([1, ""]);
  expect(JSON.parse(out)).toMatchObject({
    ok: false,
    files: [
      { file: "good.yaml", ok: true, apps: 1, routes: 1, problems: [], hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
      {
        file: "bad.yaml",
        ok: false,
        hash: null,
        problems: [
          { file: "bad.yaml", line: 1, col: 10, path: "version", severity: "error" },
          { path: "apps.a.webhooks.hook.timeout" },
          { severity: "warning" },
        ],
      },
    ],
  });
});

test("colour is for terminals only", async () => {
  writeFileSync(join(cwd, "bad.yaml"), BAD);
  expect((await check(["bad.yaml"])).err).not.toContain("\u001b[");
  expect((await check(["bad.yaml"], { isTTY: true })).err).toContain("\u001b[31mbad.yaml:1:10");
});
