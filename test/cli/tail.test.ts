import { expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { serverEvents } from "../../src/cli/sse.ts";
import { createEventLine } from "../../src/cli/tail.line.ts";
import { tailCommand } from "../../src/cli/tail.ts";
import { eventRecord } from "../../src/core/event.record.ts";
import type { OutriggerEvent } from "../../src/core/events.ts";
import { OPERATOR, startAdmin, type TestAdmin } from "../help/admin.ts";
import {
  attemptOf,
  breakerMoved,
  fallbackUsed,
  requestCompleted,
  upstreamHealth,
  upstreamMoved,
} from "../help/events.ts";
import { createIo } from "../help/io.ts";

/** `tail` on a running listener; it is following once the returned promise resolves. */
async function startTail(admin: TestAdmin, line = "", isTTY = false) {
  const io = createIo({ env: { OUTRIGGER_ADMIN: admin.url, OUTRIGGER_ADMIN_TOKEN: OPERATOR }, isTTY });
  const done = runCli(["tail", ...line.split(" ").filter(Boolean)], io, [tailCommand]);
  return { io, done, lines: () => io.out().trimEnd().split("\n").filter(Boolean) };
}

/** Sends until the follower has it: it connects in its own time. */
async function emitUntilSeen(admin: TestAdmin, seen: () => boolean): Promise<void> {
  await expect
    .poll(
      () => {
        admin.bus.emit({ type: "redis.back", at: 0, detail: "", durationMs: 0 });
        return seen();
      },
      { timeout: 10_000 },
    )
    .toBe(true);
}

test("events are printed a line each for people, until interrupted", async () => {
  const admin = await startAdmin();
  const { io, done, lines } = await startTail(admin);
  await emitUntilSeen(admin, () => lines().length > 0);
  admin.bus.emit(breakerMoved({ cause: "fail\u001b[2Jures" }));
  await expect.poll(() => io.out()).toContain("breaker.opened");
  io.abort();
  expect(await done).toBe(0);
  expect(lines().at(-1)).toBe(
    "2026-01-01T00:00:00.000Z breaker.opened quiz/winner upstream=primary until=2026-01-01T00:01:00.000Z " +
      "cause=fail\\u001b[2Jures",
  );
});

test("--failures shows failed requests with their tries, and failed deliveries, and nothing else", async () => {
  const admin = await startAdmin();
  const { io, done, lines } = await startTail(admin, "--failures");
  const failed = requestCompleted({
    outcome: "failed",
    reason: "status",
    status: 502,
    attempts: [attemptOf({ upstream: "primary", worth: "transient", reason: "status", status: 500 })],
  });
  await expect
    .poll(
      () => {
        admin.bus.emit(breakerMoved());
        admin.bus.emit(requestCompleted());
        admin.bus.emit(requestCompleted({ outcome: "rejected", reason: "rate_limit", status: 429 }));
        admin.bus.emit(failed);
        return lines().length;
      },
      { timeout: 10_000 },
    )
    .toBeGreaterThan(0);
  admin.bus.emit(requestCompleted({ outcome: "fallback", strategy: "static", reason: "timeout" }));
  await expect.poll(() => lines().at(-1)).toContain("fallback static (timeout)");
  io.abort();
  expect(await done).toBe(0);
  expect(lines()[0]).toContain("POST 502 failed (status) 5ms, tried primary 500");
  expect(lines().filter((line) => !/ (failed|fallback) /.test(line))).toEqual([]);
});

test("--failures and --type exclude each other", async () => {
  const admin = await startAdmin();
  const { io, done } = await startTail(admin, "--failures --type dlq.added");
  expect(await done).toBe(2);
  expect(io.err()).toContain("--failures");
});

test("a request's line says what became of it and why, and nothing that is empty", () => {
  const lineOf = createEventLine(createIo());
  const line = (event: OutriggerEvent): string | null => lineOf(JSON.stringify(eventRecord(event)));
  const at = "2026-01-01T00:00:00.000Z request.completed quiz/winner";
  expect(line(requestCompleted())).toBe(`${at} POST 200 ok 5ms; id=request-1`);
  expect(
    line(
      requestCompleted({
        outcome: "fallback",
        reason: "timeout",
        strategy: "random_pick",
        durationMs: 5003.2,
        attempts: [
          attemptOf({ upstream: "primary", worth: "transient", reason: "status", status: 503 }),
          attemptOf({ n: 1, upstream: "backup", worth: "transient", reason: "timeout", status: 0 }),
        ],
        denied: "not_repeatable",
        labels: { room: "7\u001b[2J" },
      }),
    ),
  ).toBe(
    `${at} POST 200 fallback random_pick (timeout) 5003ms, tried primary 503, backup timeout, ` +
      "not repeated: not_repeatable; id=request-1 room=7\\u001b[2J",
  );
  expect(line(requestCompleted({ outcome: "aborted", status: 0, attempts: [] }))).toBe(
    `${at} POST aborted 5ms; id=request-1`,
  );
  expect(lineOf("no JSON")).toBe("no JSON");
});

test("a fallback that the line before has told is no line, and any other is", () => {
  const lineOf = createEventLine(createIo());
  const line = (event: OutriggerEvent): string | null => lineOf(JSON.stringify(eventRecord(event)));
  expect(line(requestCompleted({ id: "a", outcome: "fallback", strategy: "static" }))).toContain("fallback static");
  expect(line(fallbackUsed({ id: "a" }))).toBeNull();
  expect(line(fallbackUsed({ id: "b", labels: { room: "7" } }))).toBe(
    "2026-01-01T00:00:00.000Z fallback.used quiz/winner id=b strategy=random_pick reason=timeout room=7",
  );
});

test("a move of traffic and a change of health say what is worth knowing, in the colour of good or bad news", () => {
  const plain = createEventLine(createIo());
  const onTerminal = createEventLine(createIo({ isTTY: true }));
  const record = (event: OutriggerEvent): string => JSON.stringify(eventRecord(event));
  const at = "2026-01-01T00:00:00.000Z";
  expect(plain(record(upstreamMoved({ by: "ops", reason: "operator" })))).toBe(
    `${at} failover quiz from=primary to=backup reason=operator duration_ms=812.346 by=ops`,
  );
  expect(plain(record(upstreamHealth({ type: "upstream.up", status: "healthy", alert: false, detail: null })))).toBe(
    `${at} upstream.up quiz upstream=primary url=http://10.0.0.5:9000 status=healthy consecutive_failures=3`,
  );
  expect(onTerminal(record(upstreamMoved()))).toContain("\u001b[33mfailover quiz");
  expect(onTerminal(record(upstreamMoved({ type: "failback" })))).toContain("\u001b[32mfailback quiz");
  expect(onTerminal(record(upstreamHealth()))).toContain("\u001b[31mupstream.down quiz");
  expect(onTerminal(record(upstreamHealth({ type: "upstream.up" })))).toContain("\u001b[32mupstream.up quiz");
});

test("--json prints each event as one line of JSON, and filters choose which", async () => {
  const admin = await startAdmin();
  const { io, done, lines } = await startTail(admin, "--json --app quiz --type fallback.used,breaker.opened --room 7");
  await expect
    .poll(() => {
      admin.bus.emit(requestCompleted({ labels: { room: "7" } }));
      admin.bus.emit(fallbackUsed({ labels: { room: "8" } }));
      admin.bus.emit(fallbackUsed({ labels: { room: "7" } }));
      return lines().length;
    })
    .toBeGreaterThan(0);
  io.abort();
  expect(await done).toBe(0);
  for (const line of lines()) expect(JSON.parse(line)).toMatchObject({ type: "fallback.used", labels: { room: "7" } });
});

test("failures and fallbacks stand out on a terminal", async () => {
  const admin = await startAdmin();
  const { io, done } = await startTail(admin, "", true);
  await emitUntilSeen(admin, () => io.out().includes("redis.back"));
  admin.bus.emit(requestCompleted({ outcome: "failed", reason: "connect" }));
  admin.bus.emit(requestCompleted({ outcome: "fallback", reason: "timeout" }));
  admin.bus.emit(breakerMoved({ type: "breaker.closed" }));
  await expect.poll(() => io.out()).toContain("breaker.closed");
  io.abort();
  await done;
  expect(io.out()).toContain("\u001b[31mrequest.completed quiz/winner");
  expect(io.out()).toContain("\u001b[33mrequest.completed quiz/winner");
  expect(io.out()).toContain("\u001b[32mbreaker.closed quiz/winner");
});

test("a sidecar that went away is waited for, and what it still holds is not missed", async () => {
  const first = await startAdmin();
  const { io, done, lines } = await startTail(first, "--json");
  await emitUntilSeen(first, () => lines().length > 0);
  const port = Number(new URL(first.url).port);
  await first.close();
  await expect.poll(() => io.err()).toContain("the connection was lost");
  const second = await startAdmin({}, {}, { kind: "tcp", host: "127.0.0.1", port });
  // A good request would not be held while nobody follows.
  second.bus.emit(requestCompleted({ id: "after-the-restart", outcome: "failed", reason: "connect" }));
  await expect.poll(() => io.out(), { timeout: 10_000 }).toContain("after-the-restart");
  expect(io.err()).toContain("some events were missed");
  io.abort();
  expect(await done).toBe(0);
});

test("a type that is none is wrong usage, and a sidecar that is not there is said at once", async () => {
  const io = createIo();
  expect(await runCli(["tail", "--type", "breaker.opened,nonsense"], io, [tailCommand])).toBe(2);
  expect(io.err()).toMatch(/nonsense is no type.*request\.completed/s);
  const alone = createIo();
  expect(await runCli(["tail", "--admin", "unix:/nowhere.sock", "--token", "t"], alone, [tailCommand])).toBe(1);
  expect(alone.err()).toContain("nothing answers");
});

test("an event stream is read as it was sent, wherever its chunks are cut", async () => {
  const text =
    'retry: 1\n\n: comment\nid: a-1\nevent: x\ndata: {"ü":1}\n\ndata: one\r\ndata: two\r\n\r\nid: z\n\ndata: cut off';
  const bytes = Buffer.from(text);
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const chunks = async function* () {
      for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
    };
    expect(await all(serverEvents(chunks()))).toEqual([
      { id: "a-1", event: "x", data: '{"ü":1}' },
      { id: null, event: "message", data: "one\ntwo" },
    ]);
  }
  const endless = async function* () {
    for (;;) yield Buffer.alloc(100_000, "x");
  };
  await expect(all(serverEvents(endless()))).rejects.toThrow("does not end");
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
