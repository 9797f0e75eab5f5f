import type { Random } from "../../../src/core/random.ts";
import { type NoAnswer, type ReadAnswer, type ReadRequest, type Rest, readAnswer, readRequests } from "./reference.ts";
import { handshake, type Tunnel, yes } from "./tunnel.ts";
import { ANSWER_WORDS, CODINGS, REQUEST_WORDS, SMUGGLED, VERSIONS } from "./words.ts";

/** One caller: what it sends, what is done to it on the way, and what the app says, changed as well. */
export interface Case {
  readonly route: Route;
  /** In everything that belongs to this case, and in nothing else. */
  readonly id: string;
  readonly request: string;
  readonly requestEdits: readonly Edit[];
  /** Where what it sends is cut into packets, as shares of the whole. */
  readonly cuts: readonly number[];
  /** Goes away as soon as it has sent all. */
  readonly leaves: boolean;
  readonly answer: string;
  readonly answerEdits: readonly Edit[];
  readonly answerEnd: "keep" | "close" | "reset";
  /** The app answers before the request's body is whole. */
  readonly early: boolean;
  /** The app takes a WebSocket; the request is its handshake. */
  readonly tunnel: Tunnel | null;
}

export const ROUTES = ["sync", "async", "passthrough"] as const;
export type Route = (typeof ROUTES)[number];

/** A change of some bytes, at a share of the whole. */
export interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

/** A case with its edits made, and read by the reference. */
export interface Made {
  readonly bytes: string;
  readonly requests: readonly ReadRequest[];
  readonly rest: Rest;
  readonly answer: string;
  /** Of the first request. */
  readonly expected: ReadAnswer | NoAnswer;
}

export function make(one: Case): Made {
  const bytes = apply(one.request, one.requestEdits);
  const { whole, rest } = readRequests(bytes);
  const answer = apply(one.answer, one.answerEdits);
  return { bytes, requests: whole, rest, answer, expected: readAnswer(answer, whole[0]?.method ?? "GET") };
}

function apply(text: string, edits: readonly Edit[]): string {
  return edits.reduce((now, { at, remove, insert }) => {
    const i = Math.floor(at * (now.length + 1));
    return now.slice(0, i) + insert + now.slice(i + remove);
  }, text);
}

/** Shares of all cases. */
const LARGE = 0.02;
const TUNNELS = 0.02;
/** Beside what a read takes at once, what a queue holds, and `response.max` of the rig. */
const SIZES = [65_535, 65_536, 65_537, 90_000, 200_000];

/** Draws a case; half of them send what is right, so that what goes wrong after a fault is seen. */
export function drawCase(random: Random, id: string): Case {
  const kind = random.float();
  if (kind < TUNNELS) return drawTunnel(random, id);
  return kind < TUNNELS + LARGE ? drawLarge(random, id) : drawSmall(random, id);
}

function drawTunnel(random: Random, id: string): Case {
  const down = drawBody(random, id);
  const tunnel = { early: random.below(2) === 0 ? "" : drawBody(random, id), up: drawBody(random, id), down };
  const version = pick(random, VERSIONS);
  const otherVersion = version === "1.1" ? [] : [{ at: 0, remove: 8, insert: `HTTP/${version}` }];
  const answerEdits = [...otherVersion, ...(random.float() < 0.3 ? drawEdits(random, ANSWER_WORDS) : [])];
  const request = {
    route: "passthrough",
    id,
    request: handshake(id),
    requestEdits: [],
    cuts: [],
    leaves: false,
  } as const;
  return { ...request, answer: yes(id) + down, answerEdits, answerEnd: "keep", early: false, tunnel };
}

/** A body one way or both that takes several reads and writes, and an app that may not wait for it. */
function drawLarge(random: Random, id: string): Case {
  // What is too large to be held streams on sync routes alone; passthrough streams all.
  const route = pick(random, ["sync", "sync", "async", "passthrough"] as const);
  const method = pick(random, ["POST", "POST", "PUT", "DELETE"]);
  const both = random.below(3);
  const small = drawSmall(random, id);
  return {
    ...small,
    answerEdits: random.below(2) === 0 ? [] : small.answerEdits,
    route,
    request: drawRequest(random, route, method, id, both === 0 ? undefined : pick(random, SIZES)),
    cuts: Array.from({ length: random.below(6) }, () => random.float()).toSorted(),
    answer: drawAnswer(random, method, id, both === 1 ? undefined : pick(random, SIZES)),
    early: random.below(2) === 0,
  };
}

function drawSmall(random: Random, id: string): Case {
  const route = pick(random, ROUTES);
  const method = pick(random, ["GET", "POST", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"]);
  const first = drawRequest(random, route, method, id);
  const more = method !== "HEAD" && random.float() < 0.2 ? drawRequest(random, route, "POST", id) : "";
  return {
    route,
    id,
    request: first + more,
    requestEdits: random.float() < 0.5 ? drawEdits(random, REQUEST_WORDS) : [],
    cuts: Array.from({ length: random.below(3) }, () => random.float()).toSorted(),
    leaves: random.float() < 0.05,
    answer: drawAnswer(random, method, id),
    answerEdits: random.float() < 0.5 ? drawEdits(random, ANSWER_WORDS) : [],
    answerEnd: pick(random, ["keep", "keep", "keep", "close", "reset"]),
    early: false,
    tunnel: null,
  };
}

/** A request that nobody could object to. */
export function plainRequest(route: Route, id: string): string {
  return `POST /${route}/plain HTTP/1.1\r\nHost: fuzz.example\r\nX-Fuzz-Id: ${id}\r\nContent-Length: 2\r\n\r\nhi`;
}

export function plainAnswer(id: string): string {
  return `HTTP/1.1 200 OK\r\nX-Answer: ${id}\r\nContent-Length: ${id.length}\r\n\r\n${id}`;
}

function drawRequest(random: Random, route: Route, method: string, id: string, size?: number): string {
  const head = `${method} /${route}/${id}?n=${random.below(9)} HTTP/1.1\r\nHost: fuzz.example\r\nX-Fuzz-Id: ${id}\r\n`;
  const body = drawBody(random, id, size);
  switch (random.below(size !== undefined ? 2 : method === "GET" || method === "HEAD" ? 6 : 3)) {
    case 0:
      return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
    case 1:
      return `${head}Transfer-Encoding: chunked\r\n\r\n${chunked(random, body)}`;
    default:
      return `${head}\r\n`;
  }
}

function drawAnswer(random: Random, method: string, id: string, size?: number): string {
  const status = pick(random, [
    "200 OK",
    "200 OK",
    "201 Created",
    "204 No Content",
    "304 Not Modified",
    "404 Not Found",
  ]);
  const version = pick(random, VERSIONS);
  const head = `HTTP/${version} ${status}\r\nX-Answer: ${id}\r\n`;
  const body = drawBody(random, id, size);
  const bodiless = method === "HEAD" || /^(204|304)/.test(status);
  if (bodiless) return `${head}${random.below(2) === 0 ? "" : "ETag: x\r\n"}\r\n`;
  switch (random.below(3)) {
    case 0:
      return `${head}Transfer-Encoding: ${pick(random, CODINGS)}\r\n\r\n${chunked(random, body)}`;
    case 1:
      return `${random.below(2) === 0 ? "" : "HTTP/1.1 103 Early Hints\r\n\r\n"}${head}Content-Length: ${body.length}\r\n\r\n${body}`;
    default:
      return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  }
}

/** Of exactly `size` bytes where one is given. */
function drawBody(random: Random, id: string, size?: number): string {
  const noise = random.bytes(random.below(40)).toString("latin1");
  const body = `${id}${noise}${random.float() < 0.1 ? SMUGGLED : ""}`;
  return size === undefined ? body : body.repeat(Math.ceil(size / body.length)).slice(0, size);
}

function chunked(random: Random, body: string): string {
  const cut = random.below(body.length);
  const parts = [body.slice(0, cut), body.slice(cut)].filter((part) => part !== "");
  return `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("")}0\r\n\r\n`;
}

function drawEdits(random: Random, words: readonly string[]): Edit[] {
  return Array.from({ length: 1 + random.below(3) }, () => ({
    at: random.float(),
    remove: random.below(4) === 0 ? random.below(30) : random.below(3),
    insert: pick(random, words),
  }));
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}
