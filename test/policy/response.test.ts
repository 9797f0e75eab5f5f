import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { RouteSettings, WorthCode } from "../../src/core/settings.route.ts";
import { compileClassifier } from "../../src/policy/classify.ts";
import { envelopeOf, mayBeFailure, parseJson } from "../../src/policy/envelope.ts";
import { createSchemaBudgets, type SchemaBudget } from "../../src/policy/response.schema.budget.ts";
import { compileResponseCheck, type Judgement, type ResponseCheck } from "../../src/policy/response.ts";
import { createExchange } from "../help/exchange.ts";
import { createManualClock } from "../help/manual-clock.ts";

type Response = RouteSettings["response"];
const TRANSIENT: readonly WorthCode[] = [408, 425, 429, "5xx", "timeout", "network", "invalid_response"];
const PERMANENT: readonly WorthCode[] = ["4xx", 501, 505, "authentication_failed"];

const clock = createManualClock();
const createBudget = createSchemaBudgets(clock);

function checkOf(given: Partial<Response> = {}, budget: SchemaBudget = createBudget()): ResponseCheck {
  const response: Response = {
    format: "auto",
    status: [{ from: 200, to: 399 }],
    schema: null,
    maxBytes: 1 << 20,
    ...given,
  };
  const classifier = compileClassifier({ transient: TRANSIENT, permanent: PERMANENT }, response.status);
  const compiled = compileResponseCheck(response, classifier, clock);
  if (!compiled.ok) throw new Error(compiled.error);
  return compiled.value(budget);
}

const x = createExchange();
const auto = checkOf();
const raw = checkOf({ format: "raw" });
const envelope = checkOf({ format: "envelope" });
const judge = (check: ResponseCheck, status: number, body: string | Buffer, headers: string[] = []): Judgement =>
  check.judge(x, status, headers, Buffer.from(body));

const GOOD = '{"success":true,"data":{"winner":7}}';
const FAILED = '{"success":false,"error":{"code":"quiz_over"}}';
const BUSY = '{"success":false,"error":{"code":"quiz_busy","retryable":true}}';

test("auto: an envelope's failure is a failure, anything else with a good status is good", () => {
  expect(judge(auto, 200, FAILED)).toEqual({
    worth: "permanent",
    reason: "status",
    retryAfterMs: null,
    detail: "envelope error quiz_over",
  });
  expect(judge(auto, 200, BUSY).worth).toBe("transient");
  for (const body of [GOOD, "", "plain", "<p>", "[1]", "null", "{", '{"success":false}', `[${FAILED}]`]) {
    expect(judge(auto, 200, body).worth, body).toBe("ok");
  }
});

test.each([
  '{"success":"false","error":{"code":"x"}}',
  '{"success":false,"error":"x"}',
  '{"success":false,"error":{"code":7}}',
  '{"success":false,"error":["code"]}',
  '{"success":false,"error":null}',
  '{"data":{"success":false,"error":{"code":"x"}}}',
  `${FAILED} trailing`,
])("auto: %s is not exactly the form, so it is a raw body", (body) => {
  expect(judge(auto, 200, body).worth).toBe("ok");
  expect(judge(envelope, 200, body)).toMatchObject({ worth: "transient", reason: "invalid_response" });
});

test("more keys, spaces, order and escapes do not hide an envelope", () => {
  for (const body of [
    ' \r\n\t{ "error" : { "message" : "m" , "code" : "x" } , "success" : false , "more" : 1 } ',
    '{"\\u0073uccess":false,"\\u0065rror":{"code":"x"}}',
  ]) {
    expect(judge(auto, 200, body).worth, body).toBe("permanent");
    expect(judge(envelope, 200, body).worth, body).toBe("permanent");
  }
});

test("raw: the body is not looked into", () => {
  expect(judge(raw, 200, FAILED).worth).toBe("ok");
  expect(judge(raw, 500, '{"success":false,"error":{"code":"authentication_failed"}}').worth).toBe("transient");
});

test("envelope: what is no envelope is an invalid response, and says why without the payload", () => {
  expect(judge(envelope, 200, GOOD).worth).toBe("ok");
  expect(judge(envelope, 200, '{"success":true}').detail).toBe("it is JSON, but no envelope");
  expect(judge(envelope, 200, "secret").detail).toBe("it is no JSON");
  expect(judge(envelope, 200, "")).toMatchObject({ worth: "transient", reason: "invalid_response" });
  expect(judge(envelope, 200, Buffer.from('{"success":true,"data":"\xff"}', "latin1")).detail).toBe("it is no JSON");
});

test("a compressed body is never looked into: raw for auto, refused where it had to be", () => {
  const packed = gzipSync(FAILED);
  expect(judge(auto, 200, packed, ["Content-Encoding", "gzip"]).worth).toBe("ok");
  expect(judge(envelope, 200, packed, ["Content-Encoding", "gzip"])).toMatchObject({
    reason: "invalid_response",
    detail: "it is compressed, and compressed bodies are not looked into",
  });
});

test("an error code that could be payload is not repeated in the detail", () => {
  expect(judge(auto, 200, '{"success":false,"error":{"code":"Ada Lovelace <ada@x>"}}').detail).toBe("envelope error");
});

test("an error code that is a credential the app was sent is not repeated either", () => {
  const sent = createExchange({
    outHeaders: ["Authorization", "Bearer tok-1", "Cookie", "a=b; session=tok-2", "X-Room", "room-1"],
    rest: "?room=room-2&token=tok-3",
  });
  const said = (code: string): string | null =>
    auto.judge(sent, 500, [], Buffer.from(JSON.stringify({ success: false, error: { code } }))).detail;
  for (const code of ["tok-1", "tok-2", "tok-3"]) expect(said(code)).toBe("envelope error");
  expect(said("room-1")).toBe("envelope error room-1");
});

test("a body that HEAD, 204 and 304 do not have is not missed", () => {
  expect(judge(envelope, 204, "").worth).toBe("ok");
  expect(judge(envelope, 304, "").worth).toBe("ok");
  const head = createExchange({ method: "HEAD" });
  expect(envelope.judge(head, 200, [], Buffer.alloc(0)).worth).toBe("ok");
  expect(envelope.judge(head, 500, [], Buffer.alloc(0)).worth).toBe("transient");
});

test("the status comes first: bad statuses stay bad, ones outside response.status are invalid", () => {
  expect(judge(auto, 404, GOOD)).toMatchObject({ worth: "permanent", reason: "status" });
  expect(judge(auto, 500, GOOD).worth).toBe("transient");
  expect(judge(auto, 422, BUSY).worth).toBe("permanent");
  expect(judge(checkOf({ status: [{ from: 200, to: 299 }] }), 302, "")).toEqual({
    worth: "transient",
    reason: "invalid_response",
    retryAfterMs: null,
    detail: "response.status does not hold 302",
  });
});

test("an error code that the manifest lists decides over the class of a bad status", () => {
  const refused = '{"success":false,"error":{"code":"authentication_failed","retryable":true}}';
  expect(judge(auto, 500, refused)).toMatchObject({
    worth: "permanent",
    detail: "envelope error authentication_failed",
  });
});

test("Retry-After is read from bad answers, and makes a 503 a request to wait", () => {
  expect(judge(auto, 503, "", ["Retry-After", "2"])).toMatchObject({ worth: "push_back", retryAfterMs: 2000 });
  expect(judge(auto, 503, "", ["Retry-After", "soon"])).toMatchObject({ worth: "transient", retryAfterMs: null });
  expect(judge(auto, 429, "")).toMatchObject({ worth: "push_back", retryAfterMs: null });
  expect(judge(auto, 200, "", ["Retry-After", "2"]).retryAfterMs).toBeNull();
});

test("of an answer too large to hold only the head is judged, and a check of the body forbids one", () => {
  expect(auto.judge(x, 200, [], null).worth).toBe("ok");
  expect(auto.judge(x, 500, [], null).worth).toBe("transient");
  expect([auto.refuseLarge, raw.refuseLarge, envelope.refuseLarge]).toEqual([false, false, true]);
  expect(checkOf({ format: "raw", schema: { type: "object" } }).refuseLarge).toBe(true);
});

test("a schema holds for good answers, whatever their format, and not for a failure's envelope", () => {
  const schema = { type: "object", required: ["winner"] };
  const withSchema = checkOf({ schema });
  expect(judge(withSchema, 200, '{"winner":1}').worth).toBe("ok");
  expect(judge(withSchema, 200, "{}")).toMatchObject({ worth: "transient", reason: "invalid_response" });
  expect(judge(withSchema, 200, "no json").detail).toBe("it is no JSON");
  expect(judge(withSchema, 200, FAILED)).toMatchObject({ worth: "permanent", reason: "status" });
  expect(judge(checkOf({ schema, format: "raw" }), 200, FAILED).reason).toBe("invalid_response");
});

test("sixty answers made to be slow hold up nobody, and another app's answers are checked meanwhile", () => {
  const schema = { properties: { x: { type: "string", pattern: "^(a+)+$" } }, required: ["x"] };
  const hostile = checkOf({ schema });
  const other = checkOf({ schema: { ...schema } });
  let checked = 0;
  for (let i = 0; i < 60; i++) {
    const { worth, reason, detail } = judge(hostile, 200, `{"x":"${"a".repeat(60)}!"}`);
    expect({ worth, reason }).toEqual({ worth: "transient", reason: "invalid_response" });
    if (detail?.includes("took too long (more than")) checked++;
    expect(judge(other, 200, '{"x":"aaa"}').worth).toBe("ok");
    expect(judge(other, 200, "{}").detail).toBe("it breaks the schema's rule #/required");
  }
  // Callers are promised an answer within timeout + 500 ms. Each that is checked may take 25 ms: sixty would be too many.
  expect(checked).toBeGreaterThan(0);
  expect(checked).toBeLessThan(10);
});

test("a thousand honest answers in no time are all checked: watching a check is not held against them", () => {
  const check = checkOf({ schema: { properties: { x: { type: "string", pattern: "^(a+)+$" } } } });
  for (let i = 0; i < 1000; i++) expect(judge(check, 200, '{"x":"aaaa"}')).toMatchObject({ worth: "ok", detail: null });
});

test("routes of one app share its time", () => {
  const budget = createBudget();
  const schema = { type: "string", pattern: "^(a+)+$" };
  const [one, two] = [checkOf({ schema }, budget), checkOf({ schema: { ...schema } }, budget)];
  for (let i = 0; i < 20; i++) judge(one, 200, `"${"a".repeat(60)}!"`);
  expect(judge(two, 200, '"aaa"')).toMatchObject({
    reason: "invalid_response",
    detail: "it was not checked against its schema: checks took too long a moment ago",
  });
});

test("a schema that does not compile refuses the route", () => {
  const classifier = compileClassifier({ transient: [], permanent: [] }, []);
  const response: Response = { format: "auto", status: [], schema: { type: "no such" }, maxBytes: 1 };
  expect(compileResponseCheck(response, classifier, clock).ok).toBe(false);
});

test("good answers share one judgement: nothing is allocated for them", () => {
  expect(judge(auto, 200, GOOD)).toBe(judge(raw, 201, "x"));
});

test("the quick look never overlooks a failure that parsing would find", () => {
  const key = (name: string): fc.Arbitrary<string> =>
    fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }).map((escaped) => {
      const chars = [...name].map((c, i) => (escaped[i] ? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}` : c));
      return `"${chars.join("")}"`;
    });
  const other = fc
    .tuple(fc.string(), fc.jsonValue({ maxDepth: 2 }))
    .map(([name, value]) => [JSON.stringify(name), JSON.stringify(value)]);
  const failure = fc
    .record({ success: key("success"), error: key("error"), code: key("code"), others: fc.array(other) })
    .chain(({ success, error, code, others }) =>
      fc.shuffledSubarray(
        [...others.map(([name, value]) => `${name}:${value}`), `${success}:false`, `${error}:{${code}:"x"}`],
        { minLength: others.length + 2 },
      ),
    );
  fc.assert(
    fc.property(failure, fc.constantFrom("", " ", "\n\t\r"), (members, space) => {
      const body = Buffer.from(`${space}{${space}${members.join(`${space},`)}}`);
      if (envelopeOf(parseJson(body))?.success === false) expect(mayBeFailure(body)).toBe(true);
    }),
  );
});

test("no body makes the check throw", () => {
  const checks = [auto, raw, envelope, checkOf({ schema: { type: "object" } })];
  const body = fc.oneof(
    fc.uint8Array().map(Buffer.from),
    fc.json().map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(body, fc.constantFrom(...checks), fc.integer({ min: 200, max: 599 }), (bytes, check, status) => {
      expect(["ok", "permanent", "transient", "push_back"]).toContain(check.judge(x, status, [], bytes).worth);
    }),
  );
});
