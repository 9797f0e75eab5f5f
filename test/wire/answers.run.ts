import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type RawAnswer,
  type RawMessage,
  type RawReply,
  rawExchange,
  recordingUpstream,
  statusOf,
  values,
} from "../help/raw.ts";
import { ANSWER_VECTORS, type AnswerVector } from "./answers.ts";
import { findLevel, type Held, holdsNoMore, type Level } from "./level.ts";

/** Something that forwards `/wire/*` to the upstream at a port, and whose breaker never opens. */
export interface AnswerSubject {
  readonly port: number;
  /** The reason for which the request with this X-Request-ID failed, the nth from 0 that was sent. */
  readonly reasonOf: (id: string, n: number) => Promise<string | null>;
  readonly held?: Held;
  readonly stop: () => Promise<void>;
}

const WELL = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";

/** An upstream whose next answer a test sets; what comes after that one is answered well. */
export async function scriptedUpstream() {
  let next: RawAnswer | null = null;
  let sockets: Socket[] = [];
  const upstream = await recordingUpstream(({ line }, socket) => {
    sockets.push(socket);
    const answer = next ?? { bytes: line.startsWith("HEAD") ? WELL : `${WELL}well` };
    next = null;
    return answer;
  });
  return {
    port: upstream.port,
    stop: upstream.stop,
    open: upstream.open,
    hangUp: upstream.hangUp,
    answerOnce(answer: RawAnswer): void {
      upstream.forget();
      next = answer;
      sockets = [];
    },
    /** Of the requests since then, in order. */
    sockets: (): readonly Socket[] => sockets,
  };
}

/**
 * Runs every answer vector against what `start` gives: the upstream's next answer is the vector's; a second request
 * must then be answered well, and nothing be left of both. `streaming`: heads are relayed before the body is whole.
 */
export function runAnswerVectors(
  title: string,
  start: (upstreamPort: number) => Promise<AnswerSubject>,
  { streaming = false }: { readonly streaming?: boolean } = {},
): void {
  describe(title, () => {
    let upstream: Awaited<ReturnType<typeof scriptedUpstream>>;
    let subject: AnswerSubject;
    let level: Level;
    let sent = 0;
    beforeAll(async () => {
      upstream = await scriptedUpstream();
      subject = await start(upstream.port);
      sent++;
      await exchange(subject.port, "GET", "first");
      level = await findLevel(subject.held, upstream);
    });
    afterAll(async () => {
      await subject.stop();
      await upstream.stop();
    });
    for (const [i, vector] of ANSWER_VECTORS.entries()) {
      test(`${vector.reason === null ? "relays" : "refuses"} ${vector.name}`, async () => {
        upstream.answerOnce(vector.answer);
        const n = sent;
        sent += 2;
        const id = `vector-${i}`;
        const reply = await exchange(subject.port, vector.method ?? "GET", id);
        await expectAnswer(vector, reply, streaming, () => subject.reasonOf(id, n));
        const second = await exchange(subject.port, "GET", `next-${i}`);
        expect(second.messages.map(({ body }) => body.toString())).toEqual(["well"]);
        const [first, then, ...more] = upstream.sockets();
        expect([then === undefined, more]).toEqual([false, []]);
        if (vector.connectionLost) expect(then).not.toBe(first);
        await level.returned(1);
      });
    }
    test("holds no more memory for all of them", async () => {
      await holdsNoMore(async () => {
        for (const [i, { answer, method = "GET" }] of ANSWER_VECTORS.entries()) {
          upstream.answerOnce(answer);
          await exchange(subject.port, method, `again-${i}`);
          await level.returned(1);
        }
      });
    });
  });
}

function exchange(port: number, method: string, id: string) {
  const bytes = `${method} /wire/x HTTP/1.1\r\nHost: wire.example\r\nX-Request-ID: ${id}\r\n\r\n`;
  return rawExchange(port, bytes, { responses: 1, head: method === "HEAD" });
}

async function expectAnswer(
  vector: AnswerVector,
  reply: RawReply,
  streaming: boolean,
  reason: () => Promise<string | null>,
): Promise<void> {
  if (streaming && vector.streamedStatus !== undefined) {
    expect(reply.bytes.toString("latin1")).toMatch(new RegExp(`^HTTP/1.1 ${vector.streamedStatus} `));
    expect(reply.messages, "a cut answer must not look whole").toEqual([]);
    expect(reply.closed).toBe(true);
    expect(await reason()).toBe(vector.reason);
    return;
  }
  expect(reply.messages.map(statusOf), reply.bytes.toString("latin1")).toEqual([vector.status]);
  const message = reply.messages[0] as RawMessage;
  const [outcome = ""] = values(message, "outrigger-outcome");
  expect(values(message, "outrigger-outcome")).toHaveLength(1);
  if (vector.reason !== null) {
    expect(outcome).toBe(`failed;reason=${vector.reason}`);
    expect(values(message, "content-type")).toEqual(["application/problem+json"]);
    return;
  }
  expect(outcome).toBe("ok");
  expect(message.body.toString("latin1")).toBe(vector.body);
  expectFields(vector, message);
}

function expectFields(vector: AnswerVector, message: RawMessage): void {
  const fields = message.headers.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${message.headers[i + 1]}`] : []));
  const wanted = vector.has ?? [];
  expect(fields.filter((line) => wanted.includes(line))).toEqual(wanted);
  for (const lacking of vector.lacks ?? []) {
    const name = lacking.split(":")[0];
    expect(
      fields.filter((line) => line.toLowerCase().startsWith(lacking.includes(":") ? lacking : `${name}:`)),
    ).toEqual([]);
  }
}
