import { expect, test } from "vitest";
import type { Seen } from "../../src/cli/demo/caller.ts";
import { answerText, createNarrator, msText, reasonsText, speed } from "../../src/cli/demo/narrator.ts";
import { winner, winnerIn } from "../../src/cli/demo/quiz.ts";
import { allOf, answeredInTime, tally } from "../../src/cli/demo/score.ts";
import { sumUp } from "../../src/cli/demo/sumup.ts";
import { createIo } from "../help/io.ts";

/** An answer of `winner_selection`, whose timeout is 1 s. */
function seen(more: Partial<Seen> = {}): Seen {
  return {
    hook: winner(),
    ms: 10,
    status: 200,
    headers: [],
    body: Buffer.from('{"success":true,"data":{"winner":"Ada"}}'),
    outcome: "ok",
    reason: "",
    strategy: "",
    lost: null,
    ...more,
  };
}

const fallback = seen({ outcome: "fallback", reason: "timeout", strategy: "random_pick", ms: 1010 });

test("every call is counted by what became of it, with the median and the slowest", () => {
  const all = [seen(), seen({ ms: 30 }), seen({ outcome: "declined" }), seen({ outcome: "failed" }), fallback];
  expect(tally(all)).toEqual({
    calls: 5,
    inTime: 5,
    ok: 2,
    declined: 1,
    fallback: 1,
    failed: 1,
    lost: 0,
    p50Ms: 10,
    p99Ms: 1010,
    slowestMs: 1010,
  });
});

test("no call at all is no promise kept", () => {
  expect(tally([])).toMatchObject({ calls: 0, p50Ms: 0, slowestMs: 0 });
  expect(answeredInTime([]).held).toBe(false);
  expect(allOf("anything", 0, 0).held).toBe(false);
});

test("an answer exactly at timeout + 500 ms is in time, a later one breaks the promise and is named", () => {
  const scene = (ms: number) => [{ name: "hanging", seen: [seen(), seen({ ms })] }];
  expect(answeredInTime(scene(1500))).toMatchObject({ held: true, measured: "2 of 2" });
  expect(answeredInTime(scene(1501))).toMatchObject({
    held: false,
    measured: "1 of 2: winner_selection, after 1501 ms",
  });
});

test("a call that nobody answered breaks the promise, however soon it was given up", () => {
  const lost = seen({ outcome: "", status: 0, lost: "socket hang up", ms: 3 });
  expect(answeredInTime([{ name: "dead", seen: [lost] }])).toMatchObject({
    held: false,
    measured: "0 of 1: winner_selection, socket hang up",
  });
  expect(tally([lost]).lost).toBe(1);
});

test("one thing missing breaks a promise about all of them", () => {
  expect(allOf("signatures", 328, 329)).toEqual({ what: "signatures", measured: "328 of 329", held: false });
  expect(allOf("signatures", 329, 329).held).toBe(true);
});

test("times are told as people read them, and p99 only of many calls", () => {
  expect([0.84, 9.96, 12.4, 1004.2].map(msText)).toEqual(["0.8 ms", "10.0 ms", "12 ms", "1004 ms"]);
  expect(speed([])).toBe("");
  expect(speed([seen()])).toBe("p50 10 ms");
  expect(speed(Array.from({ length: 100 }, () => seen()))).toBe("p50 10 ms, p99 10 ms");
  expect(reasonsText([fallback, fallback, seen()])).toBe("timeout 2, none 1");
});

test("an answer is shown with the headers that tell, and cut where a line is too long", () => {
  const headers = ["Date", "today", "outrigger-outcome", "failed;reason=timeout", "Proxy-Status", "x".repeat(90)];
  const text = answerText(seen({ status: 504, headers, body: Buffer.from("{}") }));
  expect(text).toEqual([
    "HTTP/1.1 504 Gateway Timeout",
    "Outrigger-Outcome: failed;reason=timeout",
    `Proxy-Status: ${"x".repeat(60)}…`,
    "{}",
  ]);
  expect(answerText(undefined)).toEqual(["(no call had such an answer)"]);
});

test("what a command prints goes on below where it is too wide, cut between its columns", () => {
  const io = createIo();
  const { command } = createNarrator(io);
  command("outrigger dlq list", `${"ID".padEnd(40)}${"ROUTE".padEnd(40)}WHY\n${"1".padEnd(40)}${"a/b".padEnd(40)}no\n`);
  expect(
    io
      .out()
      .split("\n")
      .map((line) => line.replace(/ +/g, " ")),
  ).toEqual([" $ outrigger dlq list", " ID ROUTE", " 1 a/b", " WHY", " no", ""]);
  command("outrigger dlq show 1", "x".repeat(200));
  for (const line of io.out().split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  expect(io.out().match(/x/g)).toHaveLength(200);
});

test("a row with long times stays within 80 columns, and keeps its words", () => {
  const io = createIo();
  const { row } = createNarrator(io);
  row("calls", "217 ok, 0 failed", "p50 612 ms, p99 1601 ms");
  row("calls", "217 ok, 0 failed", "p50 1 ms");
  const [slow = "", quick = ""] = io.out().split("\n");
  expect(slow).toMatch(/^ {3}calls +217 ok, 0 failed +p50 612 ms, p99 1601 ms$/);
  expect(slow.length).toBeLessThanOrEqual(80);
  expect(quick.indexOf("p50")).toBe(58);
});

test("a winner is read from an answer, and nothing from what is none", () => {
  expect(winnerIn(seen().body)).toBe("Ada");
  for (const text of ["", "{}", "null", "[]", '{"data":{"winner":7}}']) expect(winnerIn(Buffer.from(text))).toBeNull();
});

test("the summary says of each promise whether it was kept, within 80 columns", () => {
  const io = createIo();
  const many = Array.from({ length: 100_000 }, () => seen({ ms: 10_000 }));
  const promised = [allOf("p".repeat(60), 99_999, 100_000), allOf("other", 3, 3)];
  sumUp(createNarrator(io), [{ name: "recovering", seen: many }], promised);
  expect(io.out()).toMatch(/BROKEN p+\n +99999 of 100000\n/);
  expect(io.out()).toMatch(/kept {3}other +3 of 3\n/);
  expect(io.out()).toMatch(/recovering +100000 +0 +100000 +0 +0 +0 +10000 ms/);
  expect(io.out()).toMatch(/all +100000/);
  for (const line of io.out().split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

test("colour is for terminals", () => {
  const plain = createIo();
  createNarrator(plain).row("winners", "20", "p50 1 ms");
  expect(plain.out()).not.toContain("\u001b");
  const terminal = createIo({ isTTY: true });
  createNarrator(terminal).row("winners", "20", "p50 1 ms");
  expect(terminal.out()).toContain("\u001b[2mp50 1 ms");
});
