import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseMessages, type RawMessage, type RecordingUpstream, rawExchange, statusOf, values } from "../help/raw.ts";
import { findLevel, type Held, holdsNoMore, type Level } from "./level.ts";
import { REQUEST_VECTORS, type RequestVector } from "./vectors.ts";

/** Something that takes requests and forwards them to one upstream. */
export interface Subject {
  readonly port: number;
  /** Every byte that the upstream was sent since the last `forget`. */
  upstreamSaw(): Buffer;
  /** Whole requests among them. */
  upstreamRequests(): readonly RawMessage[];
  forget(): void;
  /** The Host that the upstream must see, where ours replaces the caller's. */
  readonly authority?: string;
  /** Where requests are stored first: resolves once these many since the last `forget`, and no others, were sent. */
  sent?(count: number): Promise<void>;
  readonly held?: Held;
  /** Where there is one. */
  readonly upstream?: RecordingUpstream;
  stop(): Promise<void>;
}

const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "proxy-foo",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "http2-settings",
  "x-hop",
];

interface Options {
  readonly streaming?: boolean;
  /** What a caller hears whose request is taken. */
  readonly accepted?: 200 | 202;
  /** In place of those for every route. */
  readonly vectors?: readonly RequestVector[];
}

/**
 * Runs every request vector (or those of `vectors`) against what `start` gives. `streaming`: bodies go on while they come (passthrough), so
 * that a fault in the body may be found after the head was written; then the upstream may hold an unfinished request.
 * After each a normal request must pass, and nothing else may have reached the upstream by then; nor may
 * anything be left of both.
 */
export function runRequestVectors(title: string, start: () => Promise<Subject>, options: Options = {}): void {
  const vectors = options.vectors ?? REQUEST_VECTORS;
  describe(title, () => {
    let subject: Subject;
    let level: Level;
    beforeAll(async () => {
      subject = await start();
      subject.forget();
      await expectServed(subject, options);
      level = await findLevel(subject.held, subject.upstream);
    });
    afterAll(() => subject.stop());
    for (const vector of vectors) {
      test(`${"refused" in vector ? "refuses" : "forwards"} ${vector.name}`, async () => {
        subject.forget();
        if ("refused" in vector) await expectRefused(vector, subject, options);
        else await expectPassed(vector, subject, options);
        await expectServed(subject, options);
        await level.returned(pooledAfter(vector));
      });
    }
    test("holds no more memory for all of them", async () => {
      await holdsNoMore(async () => {
        for (const vector of vectors) {
          subject.forget();
          const wanted =
            "refused" in vector || vector.afterwards === "closes" ? {} : { responses: vector.passes.length };
          await rawExchange(subject.port, vector.bytes, wanted);
          if (!("refused" in vector)) await subject.sent?.(vector.passes.length);
          await level.returned(pooledAfter(vector));
        }
      });
    });
  });
}

/** Pipelined requests are served at the same time, on a connection each. */
const pooledAfter = (vector: RequestVector): number => ("refused" in vector ? 1 : Math.max(vector.passes.length, 1));

async function expectRefused(
  vector: Extract<RequestVector, { refused: number }>,
  subject: Subject,
  { streaming }: Options,
): Promise<void> {
  const reply = await rawExchange(subject.port, vector.bytes);
  const [first, ...more] = reply.messages;
  expect(statusOf(first), reply.bytes.toString("latin1")).toBe(vector.refused);
  expect(more).toEqual([]);
  expect(values(first as RawMessage, "connection").map((v) => v.toLowerCase())).toEqual(["close"]);
  expect(values(first as RawMessage, "content-type")).toEqual(["application/problem+json"]);
  expect(JSON.parse(first?.body.toString() ?? "")).toMatchObject({ status: vector.refused });
  if (vector.refused === 405) expect(values(first as RawMessage, "allow")).toHaveLength(1);
  await subject.sent?.(0);
  if (streaming === true && vector.inBody) expect(subject.upstreamRequests()).toEqual([]);
  else expect(subject.upstreamSaw().toString("latin1")).toBe("");
}

/** Whatever came before, the next caller has an answer, and the upstream has heard of nobody else. */
async function expectServed(subject: Subject, { accepted = 200 }: Options): Promise<void> {
  subject.forget();
  const next = await rawExchange(subject.port, "GET /wire/next HTTP/1.1\r\nHost: wire.example\r\n\r\n", {
    responses: 1,
  });
  expect(next.messages.map(statusOf)).toEqual([accepted]);
  await subject.sent?.(1);
  expect(subject.upstreamRequests().map(({ line }) => line)).toEqual(["GET /wire/next HTTP/1.1"]);
}

async function expectPassed(
  vector: Extract<RequestVector, { passes: unknown }>,
  subject: Subject,
  { accepted = 200 }: Options,
): Promise<void> {
  const wanted = vector.afterwards === "closes" ? {} : { responses: vector.passes.length };
  const reply = await rawExchange(subject.port, vector.bytes, wanted);
  const finals = reply.messages.filter((message) => statusOf(message) >= 200);
  const statuses = finals.map(statusOf);
  if (vector.afterwards === "closes") {
    expect(reply.closed).toBe(true);
    // What follows may be refused by an answer of its own, or by silence.
    if (statuses.length > vector.passes.length) expect(statuses.pop()).toBe(400);
  }
  expect(statuses, reply.bytes.toString("latin1")).toEqual(vector.passes.map(() => accepted));
  await subject.sent?.(vector.passes.length);
  const requests = [...subject.upstreamRequests()];
  const got = requests.map(({ line, body }) => {
    const [method, target, version] = line.split(" ");
    expect(version).toBe("HTTP/1.1");
    return { method, target, body: body.toString("latin1") };
  });
  // Pipelined requests are served at the same time, on connections of their own: only the answers keep their order.
  expect(got).toHaveLength(vector.passes.length);
  expect(got).toEqual(expect.arrayContaining([...vector.passes]));
  // Nothing is left over that an upstream could take for the beginning of another request.
  const all = subject.upstreamSaw();
  expect(parseMessages(all).rest.length).toBe(0);
  for (const request of requests) {
    expect(values(request, "host")).toHaveLength(1);
    if (subject.authority !== undefined) expect(values(request, "host")).toEqual([subject.authority]);
    expect(fieldLines(request).filter((line) => vector.has?.includes(line))).toEqual(vector.has ?? []);
    expect(fieldLines(request).filter((line) => vector.lacks?.includes(line))).toEqual([]);
    for (const name of HOP_BY_HOP) {
      const allowed = { connection: ["keep-alive"], "transfer-encoding": ["chunked"] }[name] ?? [];
      for (const value of values(request, name)) expect(allowed, `${name}: ${value}`).toContain(value.toLowerCase());
    }
    expect(values(request, "x-checksum")).toEqual([]);
    expect(values(request, "x-request-id")).not.toContain("evil");
  }
}

function fieldLines({ headers }: RawMessage): string[] {
  return headers.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${headers[i + 1]}`] : []));
}
