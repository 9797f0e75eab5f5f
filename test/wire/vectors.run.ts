import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseMessages, type RawMessage, rawExchange, statusOf, values } from "../help/raw.ts";
import { REQUEST_VECTORS, type RequestVector } from "./vectors.ts";

/** Something that takes requests and forwards them to one upstream. */
export interface Subject {
  readonly port: number;
  /** Every byte that the upstream was sent since the last `forget`. */
  upstreamSaw(): Buffer;
  /** Whole requests among them. */
  upstreamRequests(): readonly RawMessage[];
  forget(): void;
  stop(): Promise<void>;
}

const HOP_BY_HOP = ["connection", "keep-alive", "te", "trailer", "upgrade", "expect", "http2-settings", "x-hop"];

/**
 * Runs every request vector against what `start` gives. `streaming`: bodies go on while they come (passthrough), so
 * that a fault in the body may be found after the head was written; then the upstream may hold an unfinished request.
 */
export function runRequestVectors(
  title: string,
  start: () => Promise<Subject>,
  options: { readonly streaming?: boolean } = {},
): void {
  describe(title, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(() => subject.stop());
    for (const vector of REQUEST_VECTORS) {
      test(`${"refused" in vector ? "refuses" : "forwards"} ${vector.name}`, async () => {
        subject.forget();
        if ("refused" in vector) await expectRefused(vector, subject, options.streaming === true);
        else await expectPassed(vector, subject);
      });
    }
  });
}

async function expectRefused(
  vector: Extract<RequestVector, { refused: number }>,
  subject: Subject,
  streaming: boolean,
): Promise<void> {
  const reply = await rawExchange(subject.port, vector.bytes);
  const [first, ...more] = reply.messages;
  expect(statusOf(first), reply.bytes.toString("latin1")).toBe(vector.refused);
  expect(more).toEqual([]);
  expect(values(first as RawMessage, "connection").map((v) => v.toLowerCase())).toEqual(["close"]);
  expect(values(first as RawMessage, "content-type")).toEqual(["application/problem+json"]);
  expect(JSON.parse(first?.body.toString() ?? "")).toMatchObject({ status: vector.refused });
  if (vector.refused === 405) expect(values(first as RawMessage, "allow")).toHaveLength(1);
  if (streaming && vector.inBody) expect(subject.upstreamRequests()).toEqual([]);
  else expect(subject.upstreamSaw().toString("latin1")).toBe("");
}

async function expectPassed(vector: Extract<RequestVector, { passes: unknown }>, subject: Subject): Promise<void> {
  const wanted = vector.afterwards === "closes" ? {} : { responses: vector.passes.length };
  const reply = await rawExchange(subject.port, vector.bytes, wanted);
  const finals = reply.messages.filter((message) => statusOf(message) >= 200);
  const statuses = finals.map(statusOf);
  if (vector.afterwards === "closes") {
    expect(reply.closed).toBe(true);
    // What follows may be refused by an answer of its own, or by silence.
    if (statuses.length > vector.passes.length) expect(statuses.pop()).toBe(400);
  }
  expect(statuses, reply.bytes.toString("latin1")).toEqual(vector.passes.map(() => 200));
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
    for (const name of HOP_BY_HOP) {
      const allowed = name === "connection" ? ["keep-alive"] : [];
      for (const value of values(request, name)) expect(allowed, `${name}: ${value}`).toContain(value.toLowerCase());
    }
    expect(values(request, "x-checksum")).toEqual([]);
    expect(values(request, "x-request-id")).not.toContain("evil");
  }
}
