import type { RawAnswer } from "../help/raw.ts";

/**
 * What an upstream may answer, as bytes, and what the caller must get of it. `outcome` is the reason that
 * `Outrigger-Outcome` and events give for a route with one try and no fallback; null where the answer stands.
 */
export interface AnswerVector {
  readonly name: string;
  readonly method?: "HEAD";
  readonly answer: RawAnswer;
  readonly status: number;
  readonly reason: "invalid_response" | "reset" | null;
  /** The body that the caller gets, where the answer stands. */
  readonly body?: string;
  /**
   * Where the head had been relayed before the fault showed (streaming): the caller has the status of the answer, and
   * sees the connection break before the body is whole.
   */
  readonly streamedStatus?: number;
  /** True where the connection to the upstream must not be used for another request. */
  readonly connectionLost?: true;
  /** Header lines that the caller must see, and names that it must not. */
  readonly has?: readonly string[];
  readonly lacks?: readonly string[];
}

const OK = "HTTP/1.1 200 OK\r\n";
const BODY = "Content-Length: 2\r\n\r\nok";
const WHOLE = `${OK}${BODY}`;

const stands = (name: string, bytes: string, more: Partial<AnswerVector> = {}): AnswerVector => ({
  name,
  answer: { bytes },
  status: 200,
  reason: null,
  body: "ok",
  ...more,
});
const invalid = (name: string, bytes: string, more: Partial<AnswerVector> = {}): AnswerVector => ({
  name,
  answer: { bytes },
  status: 502,
  reason: "invalid_response",
  connectionLost: true,
  ...more,
});
const cut = (name: string, bytes: string, end: "close" | "reset" = "close"): AnswerVector => ({
  name,
  answer: { bytes, end },
  status: 502,
  reason: "reset",
  ...(bytes.includes("\r\n\r\n") ? { streamedStatus: 200 } : {}),
  connectionLost: true,
});

/** What `Transfer-Encoding` may say beside `chunked`. What is no framing to the parser would be a body full of chunks. */
const UNFRAMED: readonly (readonly [name: string, coding: string])[] = [
  ["a tab behind it", "chunked\t"],
  ["a space and a tab behind it", "chunked \t"],
  ["a tab and a space behind it", "chunked\t "],
  ["a vertical tab behind it", "chunked\v"],
  ["a vertical tab before it", "\vchunked"],
  ["a form feed behind it", "chunked\f"],
  ["NUL behind it", "chunked\0"],
  ["DEL behind it", "chunked\x7f"],
  ["a next-line character behind it", "chunked\x85"],
  ["a no-break space behind it", "chunked\xa0"],
  ["a no-break space before it", "\xa0chunked"],
  ["a comma behind it", "chunked,"],
  ["a parameter behind it", "chunked;q=1"],
  ["in quotes", '"chunked"'],
  ["twice in a line", "chunked, chunked"],
  ["a letter too many", "chunkedx"],
  ["a letter too few", "chunke"],
  ["or rather nothing", ""],
  ["or rather identity", "identity"],
];

export const ANSWER_VECTORS: readonly AnswerVector[] = [
  stands("Content-Length", WHOLE),
  stands("chunked", `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n`),
  stands("chunked in capitals", `${OK}Transfer-Encoding: CHUNKED\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
  stands("chunked with spaces around it", `${OK}Transfer-Encoding:   chunked  \r\n\r\n2\r\nok\r\n0\r\n\r\n`),
  stands("chunked with a tab before it", `${OK}Transfer-Encoding:\t \tchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
  stands(
    "chunked on a connection that closes, with interim answers before",
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\n${OK}transfer-encoding:chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    { connectionLost: true },
  ),
  stands(
    "chunked with a trailer, which is dropped",
    `${OK}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n`,
    {
      lacks: ["trailer", "x-sum"],
    },
  ),
  stands("a body that ends with the connection", `${OK}\r\nok`, {
    answer: { bytes: `${OK}\r\nok`, end: "close" },
    connectionLost: true,
  }),
  stands("HTTP/1.0", `HTTP/1.0 200 OK\r\n${BODY}`, { connectionLost: true }),
  stands(
    "hop-by-hop fields, which end here",
    `${OK}Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=99\r\nProxy-Authenticate: a\r\nProxy-Foo: 1\r\nTE: trailers\r\nUpgrade: h2c\r\nX-End: 1\r\n${BODY}`,
    {
      has: ["X-End: 1"],
      lacks: ["x-hop", "proxy-authenticate", "proxy-foo", "te", "upgrade", "keep-alive: timeout=99"],
    },
  ),
  stands(
    "repeated fields, in their order and number",
    `${OK}Set-Cookie: b=1\r\nSet-Cookie: a=2\r\nset-cookie: b=1\r\n${BODY}`,
    {
      has: ["Set-Cookie: b=1", "Set-Cookie: a=2", "set-cookie: b=1"],
    },
  ),
  stands(
    "copies of our own fields, which are replaced",
    `${OK}X-Request-ID: evil\r\nOutrigger-Outcome: queued\r\n${BODY}`,
    {
      lacks: ["x-request-id: evil", "outrigger-outcome: queued"],
    },
  ),
  stands("100 before the answer", `HTTP/1.1 100 Continue\r\n\r\n${WHOLE}`),
  stands(
    "102 and 103 before the answer",
    `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${WHOLE}`,
    {
      lacks: ["link"],
    },
  ),
  stands("bytes after the end", `${WHOLE}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`, { connectionLost: true }),
  stands("nonsense after the end", `${WHOLE}nonsense`, { connectionLost: true }),
  stands("204 without a body", "HTTP/1.1 204 No Content\r\n\r\n", { status: 204, body: "" }),
  stands("204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", {
    status: 204,
    body: "",
    lacks: ["content-length", "transfer-encoding"],
  }),
  stands("204 with a length and a body", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", {
    status: 204,
    body: "",
    lacks: ["content-length", "transfer-encoding"],
    connectionLost: true,
  }),
  stands("304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\nETag: x\r\n\r\n", {
    status: 304,
    body: "",
    has: ["ETag: x"],
    lacks: ["content-length", "transfer-encoding"],
  }),
  stands("HEAD, with a length and no body", `${OK}Content-Length: 2\r\n\r\n`, {
    method: "HEAD",
    body: "",
    lacks: ["content-length", "transfer-encoding"],
  }),
  stands("HEAD, chunked and no body", `${OK}Transfer-Encoding: chunked\r\n\r\n`, {
    method: "HEAD",
    body: "",
    lacks: ["content-length", "transfer-encoding"],
  }),
  invalid("both framings", `${OK}Transfer-Encoding: chunked\r\n${BODY}`),
  invalid(
    "both framings, the other way round",
    `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  ),
  invalid("two lengths", `${OK}Content-Length: 3\r\n${BODY}`),
  invalid("two lengths in one line", `${OK}Content-Length: 2, 3\r\n\r\nok`),
  invalid("a length that is no number", `${OK}Content-Length: two\r\n\r\nok`),
  invalid("two lengths, the same", `${OK}Content-Length: 2\r\n${BODY}`),
  invalid("a length with a plus", `${OK}Content-Length: +2\r\n\r\nok`),
  invalid("a negative length", `${OK}Content-Length: -2\r\n\r\nok`),
  invalid("a space before the colon", `${OK}Content-Length : 2\r\n\r\nok`),
  invalid(
    "Transfer-Encoding twice",
    `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  ),
  invalid("Transfer-Encoding: ,chunked", `${OK}Transfer-Encoding: ,chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
  ...UNFRAMED.map(([name, coding]) =>
    invalid(`chunked, ${name}`, `${OK}Transfer-Encoding: ${coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
  ),
  // Here the parser's word on whether the connection may be kept says nothing of the framing.
  invalid(
    "chunked, a tab behind it and the connection closing",
    `${OK}Connection: close\r\nTransfer-Encoding: chunked\t\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  ),
  invalid(
    "chunked, a tab behind it and interim answers before, the first ended oddly",
    `\r\nHTTP/1.1 103 X\r\r\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${OK}Connection: close\r\nTransfer-Encoding: chunked\t\r\n\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ),
  invalid(
    "chunked, a tab behind it, and a field beside it whose value looks right",
    `${OK}Connection: close\r\nX: 1\r\nX-Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\t\r\nX: transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  ),
  invalid("chunked by HTTP/1.0", `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
  invalid("HTTP/2.0 in an interim answer", `HTTP/2.0 103 Early Hints\r\n\r\n${WHOLE}`),
  invalid(
    "HTTP/2.0 in an interim answer, and the connection kept",
    `HTTP/2.0 103 Early Hints\r\nConnection: keep-alive\r\n\r\n${WHOLE}`,
  ),
  ...["2.0", "0.9", "1.2", "3.0", "2"].map((version) =>
    invalid(`HTTP/${version}`, `HTTP/${version} 200 OK\r\n${BODY}`),
  ),
  invalid("bare LF everywhere", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
  invalid("bare LF after a field", `${OK}X: a\nY: b\r\n${BODY}`),
  invalid("bare CR in a value", `${OK}X: a\rY: b\r\n${BODY}`),
  invalid("NUL in a value", `${OK}X: a\0b\r\n${BODY}`),
  invalid("a status of 600", `HTTP/1.1 600 X\r\n${BODY}`),
  invalid("a coding other than chunked", `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
  invalid(
    "a 101 nobody asked for",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  ),
  invalid("a bare 101", `HTTP/1.1 101 Switching Protocols\r\n\r\n${WHOLE}`),
  invalid("a head of 70 KiB", `${OK}X: ${"x".repeat(70 * 1024)}\r\n${BODY}`),
  invalid("no HTTP at all", "SSH-2.0-OpenSSH_9.2\r\n"),
  invalid("a field name with a space", `${OK}X : 1\r\n${BODY}`),
  invalid("obs-fold", `${OK}X: 1\r\n 2\r\n${BODY}`),
  cut("Content-Length, cut short", `${OK}Content-Length: 9\r\n\r\nok`),
  cut("Content-Length, reset", `${OK}Content-Length: 9\r\n\r\nok`, "reset"),
  cut("chunked, without the last chunk", `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`),
  cut("chunked, cut within a chunk", `${OK}Transfer-Encoding: chunked\r\n\r\n9\r\nok`),
  cut("no answer at all", ""),
  cut("half a head", "HTTP/1.1 200 OK\r\nContent-Le"),
  invalid("a chunk size that is none", `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nx\r\n`, {
    streamedStatus: 200,
  }),
];
