import { describe, expect, test } from "vitest";
import { type RawAnswer, type RawMessage, rawExchange, recordingUpstream, statusOf, values } from "../help/raw.ts";
import { ANSWER_VECTORS, type AnswerVector } from "./answers.ts";

/** Something that forwards `/wire/*` to the upstream at a port. */
export interface AnswerSubject {
  readonly port: number;
  /** The reason for which the first request failed, where its head had been relayed before. */
  readonly firstReason: () => Promise<string | null>;
  readonly stop: () => Promise<void>;
}

const WELL: RawAnswer = { bytes: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell" };
const WELL_HEAD: RawAnswer = { bytes: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" };

/**
 * Runs every answer vector against what `start` gives, each with an upstream of its own whose first answer is the
 * vector's; a second request must then be answered well. `streaming`: heads are relayed before the body is whole.
 */
export function runAnswerVectors(
  title: string,
  start: (upstreamPort: number) => Promise<AnswerSubject>,
  options: {
    readonly streaming?: boolean;
    /** Vectors by name that are known to fail, with the reason: they turn red when they no longer do. */
    readonly failing?: Readonly<Record<string, string>>;
  } = {},
): void {
  describe(title, () => {
    for (const vector of ANSWER_VECTORS) {
      const run = options.failing?.[vector.name] === undefined ? test : test.fails;
      run(`${vector.reason === null ? "relays" : "refuses"} ${vector.name}`, async () => {
        const upstream = await recordingUpstream((request, _socket, n) => {
          if (n === 0) return vector.answer;
          return request.line.startsWith("HEAD") ? WELL_HEAD : WELL;
        });
        const subject = await start(upstream.port);
        try {
          await expectAnswer(vector, subject, options.streaming === true);
          const second = await exchange(subject.port, "GET");
          expect(second.messages.map(({ body }) => body.toString())).toEqual(["well"]);
          if (vector.connectionLost) expect(upstream.connections()).toBe(2);
        } finally {
          await subject.stop();
          await upstream.stop();
        }
      });
    }
  });
}

function exchange(port: number, method: string) {
  const bytes = `${method} /wire/x HTTP/1.1\r\nHost: wire.example\r\n\r\n`;
  return rawExchange(port, bytes, { responses: 1, head: method === "HEAD" });
}

async function expectAnswer(vector: AnswerVector, subject: AnswerSubject, streaming: boolean): Promise<void> {
  const reply = await exchange(subject.port, vector.method ?? "GET");
  if (streaming && vector.streamedStatus !== undefined) {
    expect(reply.bytes.toString("latin1")).toMatch(new RegExp(`^HTTP/1.1 ${vector.streamedStatus} `));
    expect(reply.messages, "a cut answer must not look whole").toEqual([]);
    expect(reply.closed).toBe(true);
    expect(await subject.firstReason()).toBe(vector.reason);
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
