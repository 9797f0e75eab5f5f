import { expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { type Running, type Start, serveCommand } from "../../src/cli/serve.ts";
import { createIo } from "../help/io.ts";

/** A sidecar that notes what it is told. */
function createRunning(): Running & { readonly told: string[] } {
  const told: string[] = [];
  return {
    told,
    proxy: "127.0.0.1:8080",
    admin: "127.0.0.1:9090",
    ready: Promise.resolve(),
    waits: () => [],
    reload: async (by) => void told.push(`reload ${by}`),
    stop: async () => void told.push("stop"),
  };
}

/** Runs `serve` with this start; `hangUp` is what SIGHUP calls. */
function run(start: Start, args: readonly string[] = []) {
  const io = createIo({ cwd: "/srv" });
  let hangUp = (): void => undefined;
  const command = serveCommand(start, {
    onHangup: (fn) => {
      hangUp = fn;
    },
  });
  return { io, code: runCli(["serve", ...args], io, [command]), hangUp: () => hangUp() };
}

test("it says where it listens in one JSON line, and ends with 0 once it has stopped", async () => {
  const running = createRunning();
  const files: string[] = [];
  const { io, code } = run(
    async (file) => {
      files.push(file);
      return { ok: true, value: running };
    },
    ["-c", "other.yaml"],
  );
  await new Promise(setImmediate);
  expect(io.out()).toBe('{"event":"ready","proxy":"127.0.0.1:8080","admin":"127.0.0.1:9090"}\n');
  expect(running.told).toEqual([]);
  io.abort();
  expect(await code).toBe(0);
  expect(files).toEqual(["/srv/other.yaml"]);
  expect(running.told).toEqual(["stop"]);
});

test("while it waits for something it says for what, and listens; ready it says once it is", async () => {
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const running: Running = { ...createRunning(), ready, waits: () => ["Redis is away (10.0.0.4:6379): start it"] };
  const { io, code } = run(async () => ({ ok: true, value: running }));
  await new Promise(setImmediate);
  expect([io.out(), io.err()]).toEqual(["", "not ready yet: Redis is away (10.0.0.4:6379): start it\n"]);
  resolve();
  await new Promise(setImmediate);
  expect(io.out()).toContain('{"event":"ready"');
  io.abort();
  expect(await code).toBe(0);
});

test("it can be told to end while it waits", async () => {
  const running = { ...createRunning(), ready: new Promise<void>(() => undefined), waits: () => ["Redis is away"] };
  const { io, code } = run(async () => ({ ok: true, value: running }));
  await new Promise(setImmediate);
  io.abort();
  expect(await code).toBe(0);
  expect([io.out(), running.told]).toEqual(["", ["stop"]]);
});

test("a start that is refused prints every line of it, says what to try, and ends with 1", async () => {
  const { io, code } = run(async () => ({ ok: false, error: ["a.yaml:1:2 x: wrong", "NAME: wrong"] }));
  expect(await code).toBe(1);
  expect(io.out()).toBe("");
  const lines = ["a.yaml:1:2 x: wrong", "NAME: wrong", "outrigger did not start. After mending, try: outrigger check "];
  expect(io.err()).toContain(lines.join("\n"));
});

test("each SIGHUP asks for a reload; one that comes before it is ready is not forgotten", async () => {
  const running = createRunning();
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const { io, code, hangUp } = run(async () => {
    await begun;
    return { ok: true, value: running };
  });
  hangUp();
  hangUp();
  expect(running.told).toEqual([]);
  begin();
  await new Promise(setImmediate);
  expect(running.told).toEqual(["reload signal"]);
  hangUp();
  expect(running.told).toEqual(["reload signal", "reload signal"]);
  io.abort();
  await code;
  expect(running.told.at(-1)).toBe("stop");
});

test("told to end while it starts, it ends as soon as it has started, and never calls itself ready", async () => {
  const running = createRunning();
  const { io, code } = run(async () => {
    await new Promise(setImmediate);
    io.abort();
    return { ok: true, value: running };
  });
  expect(await code).toBe(0);
  expect(io.out()).toBe("");
  expect(running.told).toEqual(["stop"]);
});
