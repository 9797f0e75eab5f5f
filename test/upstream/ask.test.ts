import { expect, onTestFinished, test } from "vitest";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { compileEgress } from "../../src/core/egress.ts";
import { type Asked, askUpstream, type Question } from "../../src/upstream/ask.ts";
import { createUpstreamClient } from "../../src/upstream/client.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { ANYWHERE, upstreamOf } from "../help/peers.ts";
import { type RawAnswer, type RecordingUpstream, recordingUpstream, values } from "../help/raw.ts";

async function appThat(answer: RawAnswer | null): Promise<RecordingUpstream> {
  const app = await recordingUpstream(() => answer);
  onTestFinished(() => app.stop());
  return app;
}

const answerOf = (status: number, body: string, more = ""): RawAnswer => ({
  bytes: `HTTP/1.1 ${status} Some Words\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
});

interface Given extends Partial<Question> {
  readonly clock?: Clock;
  readonly egress?: typeof ANYWHERE;
}

async function ask(url: string, { clock = systemClock, egress = ANYWHERE, ...given }: Given = {}): Promise<Asked> {
  const options = { connections: 1, connectTimeoutMs: 5000, tls: null };
  const client = createUpstreamClient(upstreamOf(url), options, { clock, egress });
  onTestFinished(() => client.close());
  return askUpstream(client, { path: "/jobs/7?full", headers: [], timeoutMs: 5000, ...given }, clock);
}

test("it is one GET below the upstream's path, with the headers given, and the last on its connection", async () => {
  const app = await appThat(answerOf(200, '{"a":1}', "X-Own: 1\r\n"));
  const asked = await ask(`${app.url}/base`, { headers: ["X-Request-ID", "r-1"] });
  expect(asked).toMatchObject({ kind: "answer", status: 200, body: Buffer.from('{"a":1}') });
  expect(asked.kind === "answer" && asked.headers).toContain("X-Own");
  const [request] = app.requests();
  expect(request?.line).toBe("GET /base/jobs/7?full HTTP/1.1");
  expect(values(request!, "host")).toEqual([`127.0.0.1:${app.port}`]);
  expect(values(request!, "x-request-id")).toEqual(["r-1"]);
  await app.idle();
});

test("any status is an answer", async () => {
  for (const status of [204, 301, 404, 503]) {
    const app = await appThat({ bytes: `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n` });
    expect(await ask(app.url)).toMatchObject({ kind: "answer", status });
  }
});

test.each([
  ["a cut answer", { bytes: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", end: "close" }, /^reset: /],
  ["what is no HTTP", { bytes: "SSH-2.0\r\n\r\n" }, /^invalid_response: /],
  ["what is no HTTP of ours", { bytes: "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}" }, /^invalid_response: /],
  [
    "chunks that nobody takes off",
    { bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n2\r\n{}\r\n0\r\n\r\n", end: "close" },
    /^invalid_response: /,
  ],
  ["an answer without end", answerOf(200, "x".repeat(300 * 1024)), /^its answer is larger than 262144 bytes$/],
] as const)("%s is none", async (_, answer, detail) => {
  const app = await appThat(answer as RawAnswer);
  expect(await ask(app.url)).toEqual({ kind: "none", detail: expect.stringMatching(detail) as string });
});

test("a silent app is given up when the time is over", async () => {
  const app = await appThat(null);
  const clock = createManualClock();
  const asked = ask(app.url, { clock, timeoutMs: 700 });
  await app.received(1);
  clock.advance(700);
  expect(await asked).toEqual({ kind: "none", detail: "timeout: no whole answer within 700 ms" });
  expect(clock.pending()).toBe(0);
  await app.idle();
});

test("nobody listens, or the address may not be dialled: said, and nothing is sent", async () => {
  const app = await appThat(answerOf(200, "{}"));
  const egress = compileEgress({ default: "any", allow: [], deny: ["127.0.0.0/8"] } as never, null);
  expect(await ask(app.url, { egress })).toMatchObject({ kind: "none", detail: expect.stringMatching(/^egress: /) });
  expect(app.requests()).toEqual([]);
  await app.stop();
  expect(await ask(app.url)).toMatchObject({ kind: "none", detail: expect.stringMatching(/^connect: /) });
});

test("given up by us it ends at once, also before it began", async () => {
  const app = await appThat(null);
  const giveUp = new AbortController();
  const asked = ask(app.url, { signal: giveUp.signal });
  await app.received(1);
  giveUp.abort();
  expect(await asked).toEqual({ kind: "none", detail: "the process stops" });
  expect(await ask(app.url, { signal: giveUp.signal })).toEqual({ kind: "none", detail: "the process stops" });
  await app.idle();
});
