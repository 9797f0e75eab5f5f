import { describe, expect, test } from "vitest";
import type { VerifySettings } from "../../src/core/settings.route.ts";
import { type Asked, compileVerify } from "../../src/policy/verify.ts";
import { createAnswer, createExchange } from "../help/exchange.ts";

const SETTINGS: VerifySettings = {
  path: "/jobs/{body:/job_id}",
  intervalMs: 1000,
  timeoutMs: 60_000,
  until: { pointer: "/state", in: ["done", "running"] },
  fail: { pointer: "/state", in: ["failed", null] },
};

const verifyOf = (given: Partial<VerifySettings> = {}) => compileVerify({ ...SETTINGS, ...given });

describe("the path to ask", () => {
  const pathFor = (path: string, answer: string, request = "", headers: string[] = []) =>
    verifyOf({ path }).pathFor(
      createExchange({ body: Buffer.from(request), headers: ["X-Tenant", "of the caller"] }),
      createAnswer({ body: Buffer.from(answer), headers }),
    );

  test.each([
    ["a value of the app's answer", "/jobs/{body:/job_id}", '{"job_id":"j-7"}', "/jobs/j-7"],
    [
      "a number exactly as it was spelled",
      "/jobs/{body:/id}",
      '{"id":12345678901234567890}',
      "/jobs/12345678901234567890",
    ],
    ["a value from deep inside", "/{body:/data/1/id}?full=1", '{"data":[0,{"id":true}]}', "/true?full=1"],
    [
      "what would leave its place, encoded",
      "/jobs/{body:/id}",
      '{"id":"../a?b#c ü/%"}',
      "/jobs/..%2Fa%3Fb%23c%20%C3%BC%2F%25",
    ],
    ["half a character", "/jobs/{body:/id}", '{"id":"\\ud800"}', "/jobs/%EF%BF%BD"],
    ["nothing, where nothing is asked for", "/state", "no JSON", "/state"],
  ])("holds %s", (_, path, answer, filled) => {
    expect(pathFor(path, answer)).toEqual({ ok: true, value: filled });
  });

  test("takes from the request what the answer does not have, bodies and headers alike", () => {
    expect(pathFor("/{body:/a}/{body:/b}", '{"a":1}', '{"a":2,"b":3}')).toEqual({ ok: true, value: "/1/3" });
    expect(pathFor("/{header:X-Tenant}", "")).toEqual({ ok: true, value: "/of%20the%20caller" });
    expect(pathFor("/{header:X-Tenant}", "", "", ["x-tenant", "app"])).toEqual({ ok: true, value: "/app" });
  });

  test.each([
    ["the value is nowhere", '{"other":1}', "neither the answer nor the request has a value for {body:/job_id}"],
    ["it is no scalar", '{"job_id":{}}', "neither the answer nor the request has a value for {body:/job_id}"],
    ["the answer is no JSON", "<html>", "neither the answer nor the request has a value for {body:/job_id}"],
    ["it is empty", '{"job_id":""}', "the value for {body:/job_id} can't stand in a path"],
    ["it names the place above", '{"job_id":".."}', "the value for {body:/job_id} can't stand in a path"],
    ["it has no end", `{"job_id":"${"7".repeat(1025)}"}`, "the value for {body:/job_id} is too long for a path"],
  ])("can't be filled in where %s", (_, answer, error) => {
    expect(pathFor("/jobs/{body:/job_id}", answer)).toEqual({ ok: false, error });
  });
});

describe("what an answer to a poll says", () => {
  const judge = (status: number, body: string, given: Partial<VerifySettings> = {}, headers: string[] = []) => {
    const asked: Asked = { kind: "answer", status, headers, body: Buffer.from(body) };
    return verifyOf(given).judge(asked, 1_700_000_000_000);
  };

  test("`until` holds: verified, whichever of its values it is", () => {
    for (const state of ["done", "running"]) {
      expect(judge(200, JSON.stringify({ state }))).toEqual({ kind: "verified" });
    }
  });

  test("`fail` holds: failed, with what was seen; null and missing are not the same", () => {
    expect(judge(200, '{"state":"failed"}')).toEqual({ kind: "failed", detail: '/state is "failed"' });
    expect(judge(200, '{"state":null}')).toEqual({ kind: "failed", detail: "/state is null" });
    expect(judge(200, "{}")).toMatchObject({ kind: "not_yet", detail: "the app's answer has no /state" });
  });

  test("where both hold, it is verified", () => {
    expect(judge(200, '{"state":"done"}', { fail: { pointer: "/state", in: ["done"] } })).toEqual({ kind: "verified" });
  });

  test("values are compared as JSON: numbers by value, objects whatever the order of their keys, never as text", () => {
    const until = { pointer: "", in: [1, { a: 1, b: [true] }] };
    expect(judge(200, "1.0", { until })).toEqual({ kind: "verified" });
    expect(judge(200, '{"b":[true],"a":1}', { until })).toEqual({ kind: "verified" });
    expect(judge(200, '"1"', { until, fail: null })).toMatchObject({ kind: "not_yet" });
  });

  test.each([
    [404, "", "the app answered 404"],
    [500, '{"state":"done"}', "the app answered 500"],
    [302, "", "the app answered 302"],
    [200, "<html>", "the app answered 200 without JSON"],
    [204, "", "the app answered 204 without JSON"],
    [200, '{"state":"queued"}', '/state is "queued"'],
  ])("%i %j is not yet an answer: %s", (status, body, detail) => {
    expect(judge(status, body)).toEqual({ kind: "not_yet", detail, retryAfterMs: null });
  });

  test("429 and 503 say when to ask again", () => {
    for (const status of [429, 503]) {
      expect(judge(status, "", {}, ["Retry-After", "7"])).toMatchObject({ kind: "not_yet", retryAfterMs: 7000 });
    }
    expect(judge(500, "", {}, ["Retry-After", "7"])).toMatchObject({ retryAfterMs: null });
  });

  test("without an answer it is not yet", () => {
    const found = verifyOf().judge({ kind: "none", detail: "connect: refused" }, 0);
    expect(found).toEqual({ kind: "not_yet", detail: "connect: refused", retryAfterMs: null });
  });

  test("objects and lists are not shown: they are no state, and the app's own affair", () => {
    expect(judge(200, '{"state":{"secret":1}}')).toMatchObject({ detail: "/state is an object" });
    expect(judge(200, "[1]", { until: { pointer: "", in: [1] } })).toMatchObject({ detail: "the answer is a list" });
  });

  test("what is shown of it has an end", () => {
    const found = judge(200, JSON.stringify({ state: "x".repeat(10_000) }));
    expect(JSON.stringify(found).length).toBeLessThan(250);
  });
});
