import { randomBytes } from "node:crypto";
import examples from "@octokit/webhooks-examples" with { type: "json" };
import { sign, verify } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import { afterEach, expect, test } from "vitest";
import { hang, json, startTestApp, type TestApp } from "../help/app.ts";
import { call, post } from "../help/call.ts";
import { rawExchange } from "../help/raw.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

/** An app behind a sidecar. `webhooks` is YAML under `webhooks:`, `rest` under the app, `top` at the root. */
async function setUp(
  webhooks: string,
  rest = "",
  top = "",
): Promise<{ app: TestApp; sidecar: Sidecar; url: (path: string) => string }> {
  const app = await startTestApp();
  cleanUp.push(() => app.stop());
  const indent = (text: string, by: number): string => text.trim().replaceAll("\n", `\n${" ".repeat(by)}`);
  const sidecar = await startSidecar(`
${top}
apps:
  quiz:
    owner: dev@quiz.example
    url: ${app.url}/base
    ${indent(rest, 4)}
    webhooks:
      ${indent(webhooks, 6)}
`);
  cleanUp.push(() => sidecar.stop());
  return { app, sidecar, url: (path) => sidecar.url + path };
}

test("GitHub's own payloads, signed by its library, are verified by it behind the proxy, byte for byte", async () => {
  const { app, url } = await setUp(
    "github: { path: /hooks, response: { max: 8MiB }, body_limit: 8MiB }",
    "",
    "limits: { body: 8MiB }",
  );
  const secret = "a secret of the platform";
  let sent = 0;
  for (const { examples: payloads } of examples as unknown as readonly { examples: readonly object[] }[]) {
    for (const payload of payloads.slice(0, 2)) {
      const body = JSON.stringify(payload, null, 1);
      const headers = { "Content-Type": "application/json", "X-Hub-Signature-256": await sign(secret, body) };
      expect(await call(url("/quiz/github"), { headers, body })).toMatchObject({ status: 200, outcome: "ok" });
      const got = app.got[sent++];
      expect(got?.body.equals(Buffer.from(body))).toBe(true);
      expect(await verify(secret, got?.body.toString() ?? "", String(got?.headers["x-hub-signature-256"]))).toBe(true);
    }
  }
  expect(sent).toBeGreaterThan(50);
});

test("a body of every byte value reaches the app as it is, on every try, with one id and a fresh try number", async () => {
  const { app, url } = await setUp("answer: { path: /answer, retry: { initial: 1ms, repeat: always, attempts: 3 } }");
  app.behave((got, res, n) => json(n < 2 ? 503 : 200, {})(got, res, n));
  const body = Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, i) => i)), randomBytes(5000)]);
  const answer = await call(url("/quiz/answer"), { body, headers: { "X-Request-ID": "req-1" } });
  expect(answer).toMatchObject({ status: 200, outcome: "ok" });
  expect(answer.headers["x-request-id"]).toBe("req-1");
  expect(app.got.map((got) => got.body.equals(body))).toEqual([true, true, true]);
  expect(app.got.map((got) => got.headers["x-request-id"])).toEqual(["req-1", "req-1", "req-1"]);
  expect(app.got.map((got) => got.headers["x-retry-attempt"])).toEqual(["0", "1", "2"]);
  expect(app.got.map((got) => got.headers["x-max-attempts"])).toEqual(["3", "3", "3"]);
});

test("what goes to the app is signed as Standard Webhooks: the same id, a fresh time, checked by their library", async () => {
  const secret = `whsec_${randomBytes(24).toString("base64")}`;
  const { app, url } = await setUp(
    "answer: { path: /answer, retry: { initial: 1ms, repeat: always } }",
    `sign: { scheme: standard-webhooks, secrets: ["${secret}"] }`,
  );
  app.behave((got, res, n) => json(n === 0 ? 500 : 200, {})(got, res, n));
  const forged = { "webhook-signature": "v1,forged", "webhook-timestamp": "1" };
  await post(url("/quiz/answer"), { a: "é" }, { headers: forged });
  expect(app.got).toHaveLength(2);
  for (const got of app.got) {
    const headers = got.headers as Record<string, string>;
    expect(new Webhook(secret).verify(got.body.toString(), headers)).toEqual({ a: "é" });
    expect(headers["webhook-id"]).toBe(headers["x-request-id"]);
  }
});

test("the target is the upstream's path, the route's, the unmatched rest and the query, as the bytes they were", async () => {
  const { app, url } = await setUp('any: { path: /hooks, match: { path: "/in/*" } }');
  await call(url("/in/a%2Fb//c%20d;p?x=%zz&y=/../"), { method: "PUT" });
  expect(app.got[0]).toMatchObject({ method: "PUT", url: "/base/hooks/a%2Fb//c%20d;p?x=%zz&y=/../" });
});

test("headers: ours replace incoming copies, hop-by-hop ones stay behind, the rest keeps order and number", async () => {
  const { app, url } = await setUp("answer: { path: /a, headers: { set: { X-Env: prod }, remove: [X-Internal] } }");
  await call(url("/quiz/answer"), {
    headers: {
      "X-Multi": ["1", "2"],
      "X-Env": "forged",
      "X-Internal": "secret",
      "X-Retry-Attempt": "99",
      "X-Timeout-Ms": "1",
      TE: "trailers",
      Connection: "X-Hop",
      "X-Hop": "1",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      tracestate: "a=1",
      "X-Forwarded-For": "203.0.113.9",
      "X-Forwarded-Proto": "https",
      Via: "1.0 edge",
    },
    body: "x",
  });
  const { headers, rawHeaders } = app.got[0] as (typeof app.got)[number];
  expect(rawHeaders.filter((_, i) => rawHeaders[i - 1] === "X-Multi")).toEqual(["1", "2"]);
  expect(headers).toMatchObject({
    "x-env": "prod",
    "x-retry-attempt": "0",
    "x-forwarded-for": "203.0.113.9, 127.0.0.1",
    "x-forwarded-proto": "https",
    tracestate: "a=1",
    via: "1.0 edge, 1.1 outrigger",
    host: new URL(app.url).host,
  });
  expect(headers.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
  expect(headers.traceparent).not.toContain("b7ad6b7169203331");
  for (const gone of ["x-internal", "te", "x-hop"]) expect(headers[gone]).toBe(undefined);
  // The time left of the default 10 s.
  expect(Number(headers["x-timeout-ms"])).toBeGreaterThan(9000);
  expect(Number(headers["x-timeout-ms"])).toBeLessThanOrEqual(10_000);
  expect(headers["x-request-id"]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
});

test("preserve_host passes the caller's Host on", async () => {
  const { app, url } = await setUp("answer: /a", "preserve_host: true");
  await call(url("/quiz/answer"), { headers: { Host: "hooks.example" } });
  expect(app.got[0]?.headers.host).toBe("hooks.example");
});

test("the app's permanent no is passed on as it is and counts as no failure of the app", async () => {
  const { app, sidecar, url } = await setUp("answer: { path: /a, fallback: { strategy: static, body: { s: 1 } } }");
  app.behave(json(422, { error: "no" }, { "Set-Cookie": "a=1", "X-Own": "2" }));
  for (let i = 0; i < 6; i++) {
    const answer = await post(url("/quiz/answer"), {});
    expect(answer).toMatchObject({ status: 422, outcome: "declined", text: '{"error":"no"}' });
    expect(answer.headers["x-own"]).toBe("2");
  }
  expect(sidecar.events.filter((event) => event.type === "breaker.opened")).toEqual([]);
});

test("without a fallback the app's own failing answer is passed on unchanged, and called failed", async () => {
  const { app, url } = await setUp("answer: /a");
  app.behave(json(500, { error: "boom" }));
  const answer = await post(url("/quiz/answer"), {});
  expect(answer).toMatchObject({ status: 500, outcome: "failed;reason=status", text: '{"error":"boom"}' });
  expect(answer.headers["proxy-status"]).toBe(undefined);
});

test("a timeout without a fallback is 504 problem+json with the reason in every form", async () => {
  const { app, url } = await setUp("answer: { path: /a, timeout: 1s }");
  app.behave(hang);
  const answer = await post(url("/quiz/answer"), {});
  expect(answer).toMatchObject({ status: 504, outcome: "failed;reason=timeout" });
  expect(answer.ms).toBeLessThan(1500);
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  expect(answer.headers["proxy-status"]).toMatch(/^outrigger; error=http_response_timeout; details="/);
  expect(JSON.parse(answer.text)).toMatchObject({
    type: "urn:outrigger:problem:timeout",
    status: 504,
    reason: "timeout",
    app: "quiz",
    capability: "answer",
    request_id: answer.headers["x-request-id"],
  });
});

test("a POST that may not be repeated gets all the time there is: a slow app's answer is an answer", async () => {
  const { app, url } = await setUp("answer: { path: /a, timeout: 2s }");
  app.behave((got, res, n) => void setTimeout(() => json(200, { slow: true })(got, res, n), 1300));
  expect(await post(url("/quiz/answer"), {})).toMatchObject({ status: 200, outcome: "ok" });
  expect(app.got).toHaveLength(1);
});

test("with a key of the caller's a hanging try leaves time for another", async () => {
  const { app, url } = await setUp("answer: { path: /a, timeout: 2s, attempt_timeout: 300ms }");
  app.behave((got, res, n) => (n === 0 ? undefined : json(200, {})(got, res, n)));
  const headers = { "Idempotency-Key": "k1" };
  expect(await post(url("/quiz/answer"), {}, { headers })).toMatchObject({ status: 200, outcome: "ok" });
  expect(app.got).toHaveLength(2);
});

test("Retry-After is waited for where there is time; beyond the time left it ends the tries", async () => {
  const { app, sidecar, url } = await setUp("answer: { path: /a, timeout: 3s }");
  app.behave((got, res, n) => json(n === 0 ? 429 : 200, {}, n === 0 ? { "Retry-After": "1" } : {})(got, res, n));
  const first = await post(url("/quiz/answer"), {});
  expect(first).toMatchObject({ status: 200, outcome: "ok" });
  expect(first.ms).toBeGreaterThanOrEqual(1000);
  app.behave(json(429, {}, { "Retry-After": "60" }));
  const second = await post(url("/quiz/answer"), {});
  expect(second).toMatchObject({ status: 429, outcome: "failed;reason=status" });
  expect(second.headers["retry-after"]).toBe("60");
  const done = sidecar.events.filter((event) => event.type === "request.completed");
  expect(done.map((event) => event.denied)).toEqual([null, "retry_after"]);
});

test("an answer that is not as promised is a failure: status, format and schema", async () => {
  const { app, url } = await setUp(`
status: { path: /a, response: { status: 200-201 } }
envelope: { path: /a, response: { format: envelope } }
`);
  app.behave(json(204, undefined));
  expect(await post(url("/quiz/status"), {})).toMatchObject({ status: 502, outcome: "failed;reason=invalid_response" });
  app.behave(json(200, { no: "envelope" }));
  expect(await post(url("/quiz/envelope"), {})).toMatchObject({
    status: 502,
    outcome: "failed;reason=invalid_response",
  });
  app.behave(json(200, { success: false, error: { code: "nope" } }));
  expect(await post(url("/quiz/envelope"), {})).toMatchObject({ status: 200, outcome: "declined" });
});

test("an answer over response.max is streamed whole; one that breaks off breaks the caller's connection", async () => {
  const { app, sidecar, url } = await setUp("answer: { path: /a, response: { max: 1KiB } }");
  const large = "0123456789".repeat(300_000);
  app.behave((_got, res) => void res.end(large));
  const answer = await call(url("/quiz/answer"));
  expect(answer).toMatchObject({ status: 200, outcome: "ok" });
  expect(answer.text === large).toBe(true);
  app.behave((_got, res) => {
    res.writeHead(200, { "Content-Length": 1_000_000 });
    res.write("x".repeat(100_000), () => res.destroy());
  });
  await expect(call(url("/quiz/answer"))).rejects.toThrow();
  const broken = await sidecar.event("request.completed", (event) => event.outcome === "failed");
  expect(broken.reason).toBe("reset");
});

test("a caller whose time runs out in the queue is told of overload, and the app is never asked", async () => {
  const { app, sidecar, url } = await setUp(
    "long: { path: /a, timeout: 2s }\nshort: { path: /a, timeout: 1s }",
    "concurrency: { max: 1, queue: 10 }",
  );
  app.behave(hang);
  const held = post(url("/quiz/long"), {});
  await app.received(1);
  const waiting = await post(url("/quiz/short"), {});
  expect(waiting).toMatchObject({ status: 503, outcome: "failed;reason=overload" });
  expect((await held).outcome).toBe("failed;reason=timeout");
  expect(app.got).toHaveLength(1);
  const done = sidecar.events.filter((event) => event.type === "request.completed");
  expect(done.map((event) => event.attempts.length)).toEqual([0, 1]);
});

test("oversize bodies are refused before the app sees a byte, announced or not", async () => {
  const { app, sidecar, url } = await setUp("answer: { path: /a, body_limit: 1KiB }");
  const body = "x".repeat(2000);
  expect(await call(url("/quiz/answer"), { body })).toMatchObject({
    status: 413,
    outcome: "rejected;reason=body_too_large",
  });
  const chunked = `POST /quiz/answer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${body}\r\n0\r\n\r\n`;
  const reply = await rawExchange(sidecar.port, chunked);
  expect(reply.messages[0]?.line).toContain("413");
  const asking = `POST /quiz/answer HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n\r\n`;
  const refused = await rawExchange(sidecar.port, asking);
  expect(refused.messages.map((message) => message.line)).toEqual(["HTTP/1.1 413 Payload Too Large"]);
  expect(app.got).toEqual([]);
  expect(sidecar.app.heldBytes()).toBe(0);
});

test("100-continue is given only after admission, and is never forwarded", async () => {
  const { app, sidecar } = await setUp("answer: /a");
  const asking = "POST /quiz/answer HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok";
  const reply = await rawExchange(sidecar.port, asking, { responses: 1 });
  expect(reply.messages.map((message) => message.line)).toEqual(["HTTP/1.1 100 Continue", "HTTP/1.1 200 OK"]);
  expect(app.got[0]?.headers.expect).toBe(undefined);
});

test("a body that is not whole at the deadline is 408, and the app sees nothing of it", async () => {
  const { app, sidecar } = await setUp("answer: { path: /a, timeout: 1s }");
  const reply = await rawExchange(
    sidecar.port,
    "POST /quiz/answer HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
  );
  expect(reply.messages[0]?.line).toContain("408");
  expect(reply.closed).toBe(true);
  expect(app.got).toEqual([]);
});

test("an unknown route is 404 and a known path with another method 405 with Allow, both problem+json", async () => {
  const { url } = await setUp("answer: { path: /a, match: { methods: [POST] } }");
  const unknown = await call(url("/quiz/nothing"));
  expect(unknown).toMatchObject({ status: 404, outcome: "rejected" });
  expect(JSON.parse(unknown.text)).toMatchObject({ type: "urn:outrigger:problem:no-route" });
  expect(await call(url("/.outrigger/anything"), { method: "GET" })).toMatchObject({ status: 404 });
  const other = await call(url("/quiz/answer"), { method: "GET" });
  expect(other).toMatchObject({ status: 405, outcome: "rejected" });
  expect(other.headers.allow).toBe("POST");
  const named = await call(url("/quiz/nothing"), { headers: { "X-Request-ID": "mine-1" } });
  expect(named.headers["x-request-id"]).toBe("mine-1");
});

test("what is no HTTP is refused with an id of its own, and counted", async () => {
  const { sidecar } = await setUp("answer: /a");
  const reply = await rawExchange(sidecar.port, "GET /quiz/answer HTTP/1.1\r\nHost: a\r\nBad Name: 1\r\n\r\n");
  expect(reply.bytes.toString()).toMatch(/^HTTP\/1\.1 400 .*\r\nX-Request-ID: [0-9a-f-]{36}\r\n.*Proxy-Status: /s);
  const event = await sidecar.event("request.completed");
  expect(event).toMatchObject({ outcome: "rejected", status: 400, route: { app: "" } });
  const scrape = await (await fetch(`${sidecar.adminUrl}/metrics`)).text();
  expect(scrape).toContain('outrigger_rejected_total{app="",reason="malformed"} 1');
});

test("beyond the app's rate limit callers get 429 with Retry-After, never a fallback", async () => {
  const { url } = await setUp(
    "answer: { path: /a, fallback: { strategy: static, body: x } }",
    "rate_limit: { rps: 1, burst: 2 }",
  );
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await post(url("/quiz/answer"), {}));
  expect(answers.map((answer) => answer.outcome)).toEqual(["ok", "ok", "rejected;reason=rate_limit"]);
  expect(answers[2]?.headers["retry-after"]).toBe("1");
});

test("with slots and queue full the rest are answered at once by the fallback, or 503 with Retry-After", async () => {
  const { app, url } = await setUp(
    "plain: { path: /a, timeout: 1s }\nstood_in: { path: /a, timeout: 1s, fallback: { strategy: static, body: x } }",
    "concurrency: { max: 1, queue: 0 }",
  );
  app.behave(hang);
  const held = post(url("/quiz/plain"), {});
  await app.received(1);
  const refused = await post(url("/quiz/plain"), {});
  expect(refused).toMatchObject({ status: 503, outcome: "failed;reason=overload" });
  expect(refused.headers["retry-after"]).toBe("1");
  expect(await post(url("/quiz/stood_in"), {})).toMatchObject({ outcome: "fallback;reason=overload;strategy=static" });
  expect((await held).status).toBe(504);
});

test("over limits.in_flight and limits.buffered callers get 503 at once", async () => {
  const { app, url } = await setUp(
    "answer: { path: /a, timeout: 1s }",
    "",
    "limits: { in_flight: 1, buffered: 64KiB }",
  );
  expect(await call(url("/quiz/answer"), { body: "x".repeat(70_000) })).toMatchObject({
    status: 503,
    outcome: "rejected;reason=overload",
  });
  app.behave(hang);
  const held = post(url("/quiz/answer"), {});
  await app.received(1);
  expect(await post(url("/quiz/answer"), {})).toMatchObject({ status: 503, outcome: "rejected;reason=overload" });
  await held;
});

test("a caller who leaves aborts the try upstream at once, and is neither success nor failure", async () => {
  const { app, sidecar, url } = await setUp("answer: /a");
  app.behave(hang);
  const leaving = new AbortController();
  const left = call(url("/quiz/answer"), { signal: leaving.signal, body: "x" });
  await app.received(1);
  leaving.abort();
  await expect(left).rejects.toThrow();
  await app.idle();
  const event = await sidecar.event("request.completed");
  expect(event).toMatchObject({ outcome: "aborted", attempts: [{ worth: "ignored" }] });
});

test("the fallbacks of a list are asked in order, and the use is told with reason and labels", async () => {
  const { app, sidecar, url } = await setUp(
    `
answer:
  path: /a
  timeout: 1s
  fallback:
    - { strategy: last_good }
    - { strategy: random_pick, from: /participants, as: /winner }
    - { strategy: pending_approval }
`,
    "context: { room: { header: X-Room-Id }, user: { body: /user/id } }",
  );
  const room = { "X-Room-Id": "42" };
  app.behave(json(500, {}));
  const pending = await post(url("/quiz/answer"), { user: { id: 7 } }, { headers: room });
  expect(pending).toMatchObject({ status: 202, outcome: "fallback;reason=status;strategy=pending_approval" });
  expect(pending.headers["proxy-status"]).toBe("outrigger; received-status=500");
  const used = await sidecar.event("fallback.used");
  expect(used).toMatchObject({ strategy: "pending_approval", reason: "status", labels: { room: "42", user: "7" } });
  expect(await post(url("/quiz/answer"), { participants: ["a"] })).toMatchObject({
    outcome: "fallback;reason=status;strategy=random_pick",
    text: '{"success":true,"data":{"winner":"a"}}',
  });
  app.behave(json(200, { fresh: 1 }));
  await post(url("/quiz/answer"), { participants: ["a"] });
  app.behave(json(500, {}));
  const old = await post(url("/quiz/answer"), { participants: ["a"] });
  expect(old).toMatchObject({ outcome: "fallback;reason=status;strategy=last_good", text: '{"fresh":1}' });
  expect(old.headers.age).toBe("0");
});

test("a dead primary costs nobody a request where there is a backup", async () => {
  const primary = await startTestApp();
  await primary.stop();
  const backup = await startTestApp();
  cleanUp.push(() => backup.stop());
  const sidecar = await startSidecar(`
apps:
  quiz:
    owner: dev@quiz.example
    upstreams:
      - { name: primary, url: "${primary.url}" }
      - { name: backup, url: "${backup.url}", priority: 1 }
    webhooks: { answer: /a }
`);
  cleanUp.push(() => sidecar.stop());
  for (let i = 0; i < 20; i++) {
    expect(await post(`${sidecar.url}/quiz/answer`, { i })).toMatchObject({ status: 200, outcome: "ok" });
  }
  // Its health is asked for, too.
  expect(backup.got.filter(({ url }) => url === "/a")).toHaveLength(20);
});

test("HEAD and 304 carry no body and no length of one; 1xx of the app are dropped", async () => {
  const { app, sidecar, url } = await setUp("answer: /a");
  app.behave((_got, res) => {
    res.writeEarlyHints({ link: "</a>" });
    res.writeHead(200, { "Content-Length": 5 });
    res.end();
  });
  const head = await call(url("/quiz/answer"), { method: "HEAD" });
  expect(head).toMatchObject({ status: 200, outcome: "ok" });
  expect(head.headers["content-length"]).toBe(undefined);
  app.behave((_got, res) => void res.writeHead(304).end());
  const reply = await rawExchange(sidecar.port, "GET /quiz/answer HTTP/1.1\r\nHost: a\r\n\r\n", { responses: 1 });
  expect(reply.bytes.toString()).toMatch(/^HTTP\/1\.1 304 Not Modified\r\n/);
  expect(reply.bytes.toString()).not.toMatch(/content-length|early/i);
});
