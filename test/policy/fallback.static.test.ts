import fc from "fast-check";
import { expect, test } from "vitest";
import { fault } from "../../src/core/fault.ts";
import { headerValue } from "../../src/core/headers.ts";
import type { JsonValue, StaticBody } from "../../src/core/settings.route.ts";
import { staticAnswer } from "../../src/policy/fallback/static.ts";
import type { FallbackAnswer, FallbackStrategy } from "../../src/policy/fallback/strategies.ts";
import { compileJson } from "../../src/policy/fallback/template.ts";
import { createExchange } from "../help/exchange.ts";

const CAUSE = fault("timeout", "late");

function ask(strategy: FallbackStrategy, body: string | Buffer = "", headers: string[] = []): FallbackAnswer | null {
  const answer = strategy.answer(createExchange({ body: Buffer.from(body), headers }), CAUSE);
  if (answer instanceof Promise) throw new Error("it answers at once");
  return answer;
}
const strategy = (body: StaticBody, headers: [string, string][] = []): FallbackStrategy =>
  staticAnswer({ strategy: "static", status: 200, headers, body });
const json = (value: JsonValue): FallbackStrategy => strategy({ kind: "json", value });
const text = (value: string, type?: string): FallbackStrategy =>
  strategy({ kind: "text", text: value }, type === undefined ? [] : [["Content-Type", type]]);
const bodyOf = (answer: FallbackAnswer | null): string | undefined => answer?.body.toString();

test("the body, status and headers are those of the manifest", () => {
  const settings = { strategy: "static", status: 503, headers: [["X-Env", "prod"]] } as const;
  const answer = ask(staticAnswer({ ...settings, body: { kind: "json", value: { ok: [1, null, "a", false] } } }));
  expect(answer?.status).toBe(503);
  expect(answer?.headers).toEqual(["X-Env", "prod", "Content-Type", "application/json"]);
  expect(bodyOf(answer)).toBe('{"ok":[1,null,"a",false]}');
});

test("JSON, text and files have a content type of their own, unless one is given", () => {
  const typeOf = (one: FallbackStrategy): string | undefined => headerValue(ask(one)?.headers ?? [], "content-type");
  const file = (path: string): StaticBody => ({ kind: "file", path, bytes: Buffer.from("x") });
  expect(typeOf(json(null))).toBe("application/json");
  expect(typeOf(text("x"))).toBe("text/plain; charset=utf-8");
  expect(typeOf(strategy(file("/a/b.JSON")))).toBe("application/json");
  expect(typeOf(strategy(file("/a/b.bin")))).toBe("application/octet-stream");
  expect(ask(strategy(file("/a/b.json"), [["content-type", "x/y"]]))?.headers).toEqual(["content-type", "x/y"]);
});

test("a file is sent as the bytes it is, placeholders or not", () => {
  const bytes = Buffer.from([0, 255, ...Buffer.from("{body:/a}"), 10]);
  const slab = new Uint8Array(Buffer.concat([Buffer.from("before"), bytes, Buffer.from("after")]));
  const answer = ask(strategy({ kind: "file", path: "x", bytes: slab.subarray(6, 6 + bytes.length) }), '{"a":1}');
  expect(answer?.body.equals(bytes)).toBe(true);
});

test("a JSON string that is one placeholder takes the value with its type, digit for digit", () => {
  const one = json({
    id: "{body:/id}",
    list: "{body:/list}",
    name: "{body:/name}",
    room: "{header:X-Room}",
    all: "{body:}",
  });
  const sent = '{"id":12345678901234567890,"list":[ 1.0 ],"name":"A\\u0041"}';
  expect(bodyOf(ask(one, sent, ["x-room", "42"]))).toBe(
    `{"id":12345678901234567890,"list":[ 1.0 ],"name":"A\\u0041","room":"42","all":${sent}}`,
  );
});

test("inside a longer string stands the value's text", () => {
  const one = json("room {header:x-room}: {body:/name} scored {body:/n} of {body:/list}{body:/z}.");
  const sent = '{"name":"A\\"B","n":1.50,"list":[1,"x"],"z":null}';
  expect(JSON.parse(bodyOf(ask(one, sent, ["X-Room", "7"])) ?? "")).toBe('room 7: A"B scored 1.50 of [1,"x"].');
});

test("a value that is not there is null, or nothing inside text", () => {
  const one = json({ whole: "{body:/none}", header: "{header:none}", part: "<{body:/none}{header:none}>" });
  const expected = '{"whole":null,"header":null,"part":"<>"}';
  expect([bodyOf(ask(one, "{}")), bodyOf(ask(one, "no json"))]).toEqual([expected, expected]);
});

test("names are no places for values, and what only looks like a placeholder stays", () => {
  const value = { "{body:/a}": "{body:a} {body:/~} {header:a b} {pick} {bodies:/a} {} {body:/a" };
  expect(JSON.parse(bodyOf(ask(json(value), '{"a":1}')) ?? "")).toEqual(value);
  expect(bodyOf(ask(text("{pick}")))).toBe("{pick}");
});

test("no value can break out of the JSON it is put in", () => {
  const template = compileJson({ a: "{body:/v}", b: "x{body:/v}y", c: ["{header:h}", "-{header:h}-"] });
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string(), (value, header) => {
      const x = createExchange({ body: Buffer.from(JSON.stringify({ v: value })), headers: ["H", header] });
      expect(JSON.parse(template.render(x))).toEqual({ a: value, b: `x${value}y`, c: [header, `-${header}-`] });
    }),
  );
});

test("any JSON without placeholders is sent with the same meaning", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(compileJson(value as JsonValue).render(createExchange()))).toEqual(
        JSON.parse(JSON.stringify(value)),
      );
    }),
  );
});

test("text takes values as they are; text that is a page or JSON takes them escaped", () => {
  const sent = JSON.stringify({ v: `<b a="1" b='2'>&"` });
  expect(bodyOf(ask(text("[{body:/v}]"), sent))).toBe(`[<b a="1" b='2'>&"]`);
  const escaped = "[&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;&quot;]";
  expect(bodyOf(ask(text("[{body:/v}]", "text/html; charset=utf-8"), sent))).toBe(escaped);
  expect(bodyOf(ask(text("[{body:/v}]", "application/atom+xml"), sent))).toBe(escaped);
  const asJson = bodyOf(ask(text('["{body:/v}"]', "application/problem+json"), sent));
  expect(JSON.parse(asJson ?? "")).toEqual([`<b a="1" b='2'>&"`]);
});

test("a header takes values, but none that would begin another header", () => {
  const one = strategy({ kind: "text", text: "" }, [["Location", "/rooms/{body:/room}"]]);
  expect(headerValue(ask(one, '{"room":42}')?.headers ?? [], "location")).toBe("/rooms/42");
  expect(headerValue(ask(one, "{}")?.headers ?? [], "location")).toBe("/rooms/");
  for (const room of ["a\r\nX-Evil: 1", "a\nb", "a\0b", "Ω"]) expect(ask(one, JSON.stringify({ room }))).toBeNull();
});

test("the manifest's headers do not touch the framing", () => {
  const one = strategy({ kind: "text", text: "abc" }, [
    ["Content-Length", "1"],
    ["transfer-encoding", "chunked"],
    ["Connection", "close"],
    ["X", "1"],
  ]);
  expect(ask(one)?.headers).toEqual(["X", "1", "Content-Type", "text/plain; charset=utf-8"]);
});
