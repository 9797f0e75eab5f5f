import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { OutriggerEvent } from "../../src/core/events.ts";
import { createLog, isLogLevel, type Log, type LogLevel } from "../../src/observe/log.ts";
import { breakerMoved, fallbackUsed, requestCompleted, upstreamHealth, upstreamMoved } from "../help/events.ts";
import { createManualClock } from "../help/manual-clock.ts";

interface Opened {
  readonly log: Log;
  /** What is in the log by now, a parsed line each. */
  lines(): Promise<Record<string, unknown>[]>;
}

function open(level: LogLevel = "info", secrets: () => readonly string[] = () => []): Opened {
  const folder = mkdtempSync(join(tmpdir(), "outrigger-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "log");
  const log = createLog({ clock: createManualClock(), level, destination: file, secrets });
  return {
    log,
    async lines() {
      log.error({}, "end of the log");
      await expect.poll(() => readFileSync(file, "utf8")).toContain("end of the log");
      const lines = readFileSync(file, "utf8").trimEnd().split("\n");
      return lines.slice(0, -1).map((line) => JSON.parse(line));
    },
  };
}

test("failed and fallback requests are one line each at info, with what happened and no payload", async () => {
  const { log, lines } = open();
  log.record(requestCompleted({ outcome: "fallback", reason: "timeout", strategy: "random_pick" }));
  log.record(fallbackUsed());
  log.record(requestCompleted({ outcome: "failed", reason: "connect", status: 502, id: "r2" }));
  expect(await lines()).toEqual([
    expect.objectContaining({
      level: "info",
      event: "request.completed",
      app: "quiz",
      capability: "winner",
      id: "request-1",
      outcome: "fallback",
      strategy: "random_pick",
      msg: "POST quiz/winner: fallback random_pick (timeout)",
    }),
    expect.objectContaining({ id: "r2", outcome: "failed", msg: "POST quiz/winner: failed (connect)" }),
  ]);
});

test("good and refused requests are lines only at debug", async () => {
  const info = open();
  const debug = open("debug");
  for (const { log } of [info, debug]) {
    log.record(requestCompleted());
    log.record(requestCompleted({ outcome: "rejected", reason: "rate_limit" }));
  }
  expect(await info.lines()).toEqual([]);
  expect((await debug.lines()).map(({ level, outcome }) => [level, outcome])).toEqual([
    ["debug", "ok"],
    ["debug", "rejected"],
  ]);
});

test("other events are info, and warn where someone may have to act", async () => {
  const { log, lines } = open();
  const events: OutriggerEvent[] = [
    breakerMoved(),
    breakerMoved({ type: "breaker.half_open" }),
    breakerMoved({ type: "breaker.closed", until: null }),
    { type: "manifest.applied", at: 0, revision: 3, hash: "ab", by: "file" },
    { type: "manifest.rejected", at: 0, by: "file", problems: ["outrigger.yaml:1:1 apps: missing"] },
    { type: "storage.failing", at: 0, store: "history", detail: "disk full" },
    { type: "delivery.queued", at: 0, app: "quiz", capability: "winner", id: "d1", requestId: "r1", origin: "async" },
    { type: "redis.back", at: 0, detail: "", durationMs: 0 },
    upstreamMoved(),
    upstreamMoved({ type: "failback" }),
    upstreamHealth(),
    upstreamHealth({ type: "upstream.up" }),
  ];
  for (const event of events) log.record(event);
  expect((await lines()).map(({ level, event }) => `${level} ${event}`)).toEqual([
    "warn breaker.opened",
    "info breaker.half_open",
    "info breaker.closed",
    "info manifest.applied",
    "warn manifest.rejected",
    "warn storage.failing",
    "info redis.back",
    "warn failover",
    "info failback",
    "warn upstream.down",
    "info upstream.up",
  ]);
});

test("a move of traffic and a change of health are sentences, with the facts beside them", async () => {
  const { log, lines } = open();
  log.record(upstreamMoved());
  log.record(upstreamMoved({ type: "failback", from: null, reason: "recovered" }));
  log.record(upstreamHealth());
  log.record(upstreamHealth({ type: "upstream.up", detail: null }));
  const [away, back, down, up] = await lines();
  expect(away).toMatchObject({ app: "quiz", from: "primary", to: "backup", duration_ms: 812.346 });
  expect(down).toMatchObject({ upstream: "primary", status: "unhealthy", consecutive_failures: 3, alert: true });
  expect([away, back, down, up].map((line) => line?.msg)).toEqual([
    "failover of quiz from primary to backup: consecutive_failures",
    "failback of quiz from nowhere to backup: recovered",
    "upstream.down primary of quiz: connection failed: ECONNREFUSED",
    "upstream.up primary of quiz",
  ]);
});

test("a line has level, time and message, and takes the time from the clock", async () => {
  const { log, lines } = open("debug");
  log.debug({}, "d");
  log.info({ port: 1 }, "i");
  log.warn({}, "w");
  log.error({ err: new Error("broken") }, "e");
  const [d, i, w, e] = await lines();
  expect([d?.level, i?.level, w?.level, e?.level]).toEqual(["debug", "info", "warn", "error"]);
  expect(i).toEqual({ level: "info", time: expect.stringMatching(/^\d{4}-.*Z$/), port: 1, msg: "i" });
  expect(e?.err).toMatchObject({ message: "broken" });
});

test("secrets stand in no line: not under their names, not inside a text, not after a reload brings new ones", async () => {
  let secrets: readonly string[] = ["hunter2-hunter2", 'quo"ted-secret', "abc"];
  const { log, lines } = open("info", () => secrets);
  log.info({ token: "t0", nested: { authorization: "Bearer x" } }, "named");
  log.info({ url: "http://u:hunter2-hunter2@h/" }, 'in text quo"ted-secret abc');
  secrets = ["another-one"];
  log.info({}, "hunter2-hunter2 another-one");
  expect(await lines()).toEqual([
    expect.objectContaining({ token: "***", nested: { authorization: "***" } }),
    expect.objectContaining({ url: "http://u:***@h/", msg: "in text *** abc" }),
    expect.objectContaining({ msg: "hunter2-hunter2 ***" }),
  ]);
});

test("a log that cannot be written never throws into whoever logs", async () => {
  const { log, lines } = open();
  const hostile = Object.defineProperty({}, "x", {
    enumerable: true,
    get() {
      throw new Error("no");
    },
  });
  log.info(hostile, "lost");
  log.info({}, "kept");
  expect((await lines()).map(({ msg }) => msg)).toContain("kept");
  const full = openSync("/dev/full", "w");
  onTestFinished(() => closeSync(full));
  const nowhere = createLog({ clock: createManualClock(), level: "info", destination: full, secrets: () => [] });
  nowhere.info({}, "to nowhere");
  nowhere.flush();
  nowhere.info({}, "still nowhere");
  nowhere.flush();
});

test("what was logged is there when the process exits at once", () => {
  const program = `
    import { createLog } from "./src/observe/log.ts";
    import { systemClock } from "./src/core/clock.ts";
    const log = createLog({ clock: systemClock, level: "info", destination: 1, secrets: () => [] });
    process.on("exit", () => log.flush());
    for (let i = 0; i < 2000; i++) log.info({ i }, "line");
    process.exit(0);
  `;
  const out = execFileSync(process.execPath, ["--input-type=module-typescript", "-e", program], { encoding: "utf8" });
  expect(out.trimEnd().split("\n")).toHaveLength(2000);
});

test("only the known levels are levels", () => {
  expect(isLogLevel("debug")).toBe(true);
  expect(isLogLevel("loud")).toBe(false);
});
