/**
 * Requests as bytes, and what must become of them. Each runs against the checks alone, and against the whole proxy in
 * every mode: see vectors.run.ts. The routes under test forward `/wire/*` to the same path of one upstream.
 */

interface Seen {
  readonly method: string;
  readonly target: string;
  readonly body: string;
}

export type RequestVector =
  | {
      readonly name: string;
      readonly bytes: string;
      /** The status of the refusal; the upstream sees nothing. */
      readonly refused: number;
      /** The fault comes after the head: a streaming route may by then have written a request that it never ends. */
      readonly inBody?: true;
    }
  | {
      readonly name: string;
      readonly bytes: string;
      /** The requests that the upstream must see: no more, no less, each framed by us. */
      readonly passes: readonly Seen[];
      /** Header lines that it must see of each, in this order. */
      readonly has?: readonly string[];
      /** Header lines that it must see of none. */
      readonly lacks?: readonly string[];
      /** A refusal that follows the answers, then the end of the connection. */
      readonly afterwards?: "closes";
    };

const HOST = "Host: wire.example\r\n";
const HI = "Content-Length: 2\r\n\r\nhi";
const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n";
const LAST = "0\r\n\r\n";

const get = (target: string, headers = HOST, version = "HTTP/1.1"): string =>
  `GET ${target} ${version}\r\n${headers}\r\n`;
const post = (rest: string, headers = HOST): string => `POST /wire/x HTTP/1.1\r\n${headers}${rest}`;
const refused = (name: string, bytes: string, status = 400): RequestVector => ({ name, bytes, refused: status });
const broken = (name: string, bytes: string, status = 400): RequestVector => ({
  name,
  bytes,
  refused: status,
  inBody: true,
});
const seen = (method: string, target: string, body = ""): Seen => ({ method, target, body });
const passes = (name: string, bytes: string, ...what: readonly Seen[]): RequestVector => ({
  name,
  bytes,
  passes: what,
});

const POSTED = seen("POST", "/wire/x", "hi");
const GOT = seen("GET", "/wire/x");

const EVERY_BYTE = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");
const SMUGGLED = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";

const framing: readonly RequestVector[] = [
  passes("one Content-Length", post(HI), POSTED),
  passes("Content-Length with leading zeros", post("Content-Length: 002\r\n\r\nhi"), POSTED),
  passes("chunked", post(`${CHUNKED}2\r\nhi\r\n${LAST}`), POSTED),
  passes("CHUNKED in capitals", post(`Transfer-Encoding: CHUNKED\r\n\r\n2\r\nhi\r\n${LAST}`), POSTED),
  passes("a chunk extension", post(`${CHUNKED}2;a=b\r\nhi\r\n${LAST}`), POSTED),
  passes(
    "a body of every byte there is",
    `POST /wire/x HTTP/1.1\r\n${HOST}Content-Length: 256\r\n\r\n${EVERY_BYTE}`,
    seen("POST", "/wire/x", EVERY_BYTE),
  ),
  passes(
    "a body of every byte there is, in chunks",
    post(`${CHUNKED}1\r\n\0\r\nfe\r\n${EVERY_BYTE.slice(1, 255)}\r\n01\r\n\xff\r\n${LAST}`),
    seen("POST", "/wire/x", EVERY_BYTE),
  ),
  passes(
    "a body that is a request",
    post(`Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`),
    seen("POST", "/wire/x", SMUGGLED),
  ),
  passes("no body at all", post("\r\n"), seen("POST", "/wire/x")),
  passes("GET with a body", `GET /wire/x HTTP/1.1\r\n${HOST}${HI}`, seen("GET", "/wire/x", "hi")),
  passes(
    "a chunked DELETE whose body looks like a request",
    `DELETE /wire/x HTTP/1.1\r\n${HOST}${CHUNKED}${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n${LAST}`,
    seen("DELETE", "/wire/x", SMUGGLED),
  ),
  passes(
    "a chunked OPTIONS",
    `OPTIONS /wire/x HTTP/1.1\r\n${HOST}${CHUNKED}2\r\nhi\r\n${LAST}`,
    seen("OPTIONS", "/wire/x", "hi"),
  ),
  passes("two requests one after the other", post(HI) + get("/wire/y"), POSTED, seen("GET", "/wire/y")),
  refused("two Content-Length, the same", post(`Content-Length: 2\r\n${HI}`)),
  refused("two Content-Length, different", post(`Content-Length: 3\r\n${HI}`)),
  refused("a list as Content-Length", post("Content-Length: 2, 2\r\n\r\nhi")),
  refused("Content-Length with a plus", post("Content-Length: +2\r\n\r\nhi")),
  refused("Content-Length with a minus", post("Content-Length: -2\r\n\r\nhi")),
  refused("Content-Length in hex", post("Content-Length: 0x2\r\n\r\nhi")),
  refused("an empty Content-Length", post("Content-Length: \r\n\r\nhi")),
  refused("a space within Content-Length", post("Content-Length: 1 2\r\n\r\nhi")),
  refused("a space before the colon", post("Content-Length : 2\r\n\r\nhi")),
  refused("Content-Length beyond 64 bits", post("Content-Length: 99999999999999999999999\r\n\r\nhi")),
  refused("Content-Length of 2^64-1", post("Content-Length: 18446744073709551615\r\n\r\nhi"), 413),
  refused("Content-Length, then Transfer-Encoding", post(`Content-Length: 2\r\n${CHUNKED}${LAST}`)),
  refused("Transfer-Encoding, then Content-Length", post(`Transfer-Encoding: chunked\r\n${HI}`)),
  refused("Transfer-Encoding: ,chunked", post(`Transfer-Encoding: ,chunked\r\n\r\n${LAST}`)),
  refused("Transfer-Encoding: chunked,", post(`Transfer-Encoding: chunked,\r\n\r\n${LAST}`)),
  refused("Transfer-Encoding: gzip, chunked", post(`Transfer-Encoding: gzip, chunked\r\n\r\n${LAST}`)),
  refused("Transfer-Encoding: chunked, gzip", post(`Transfer-Encoding: chunked, gzip\r\n\r\n${LAST}`)),
  refused("Transfer-Encoding: chunked, chunked", post(`Transfer-Encoding: chunked, chunked\r\n\r\n${LAST}`)),
  refused("Transfer-Encoding twice", post(`Transfer-Encoding: chunked\r\n${CHUNKED}${LAST}`)),
  refused("Transfer-Encoding: identity", post(`Transfer-Encoding: identity\r\n\r\n${LAST}`)),
  refused("Transfer-Encoding in quotes", post(`Transfer-Encoding: "chunked"\r\n\r\n${LAST}`)),
  refused("Transfer-Encoding with a parameter", post(`Transfer-Encoding: chunked;a=b\r\n\r\n${LAST}`)),
  refused("Transfer-Encoding after a vertical tab", post(`Transfer-Encoding: \x0bchunked\r\n\r\n${LAST}`)),
  refused("an empty Transfer-Encoding", post(`Transfer-Encoding: \r\n\r\n${LAST}`)),
  refused("Transfer-Encoding on HTTP/1.0", `POST /wire/x HTTP/1.0\r\n${HOST}${CHUNKED}2\r\nhi\r\n${LAST}`),
  refused("Transfer-Encoding with a space before the colon", post(`Transfer-Encoding : chunked\r\n\r\n${LAST}`)),
  refused("Transfer_Encoding", post(`Transfer_Encoding: chunked\r\n${HI}`)),
  broken("a chunk size in 0x", post(`${CHUNKED}0x2\r\nhi\r\n${LAST}`)),
  broken("a negative chunk size", post(`${CHUNKED}-2\r\nhi\r\n${LAST}`)),
  broken("a chunk size with a space", post(`${CHUNKED}2 \r\nhi\r\n${LAST}`)),
  broken("a chunk size beyond 64 bits", post(`${CHUNKED}fffffffffffffffff2\r\nhi\r\n${LAST}`)),
  broken("no chunk size", post(`${CHUNKED}\r\nhi\r\n${LAST}`)),
  broken("chunk lines that end in LF", post(`${CHUNKED}2\nhi\n0\n\n`)),
  broken("a chunk line that ends in CR", post(`${CHUNKED}2\rhi\r\n${LAST}`)),
  broken("an extension that ends in LF", post(`${CHUNKED}2;a\nhi\r\n${LAST}`)),
  broken("a chunk longer than its size", post(`${CHUNKED}2\r\nhiho\r\n${LAST}`)),
  broken("a chunk without its CRLF", post(`${CHUNKED}2\r\nhi${LAST}`)),
  broken("chunk extensions without end", post(`${CHUNKED}2;${"a".repeat(20_000)}\r\nhi\r\n${LAST}`), 413),
  broken("a trailer that frames", post(`${CHUNKED}2\r\nhi\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n`)),
  passes(
    "a trailer is dropped",
    post(`Trailer: X-Checksum\r\n${CHUNKED}2\r\nhi\r\n0\r\nX-Checksum: 1\r\nX-Request-ID: evil\r\n\r\n`),
    POSTED,
  ),
  {
    name: "a request, then what is none",
    bytes: `${get("/wire/x")}nonsense\r\n\r\n`,
    passes: [GOT],
    afterwards: "closes",
  },
  {
    name: "bytes after Connection: close",
    bytes: get("/wire/x", `${HOST}Connection: close\r\n`) + get("/wire/y"),
    passes: [GOT],
    afterwards: "closes",
  },
];

const lines: readonly RequestVector[] = [
  refused("obs-fold", get("/wire/x", `${HOST}X: a\r\n b\r\n`)),
  refused("a first header that begins with a space", get("/wire/x", ` X: a\r\n${HOST}`)),
  refused("bare LF everywhere", "GET /wire/x HTTP/1.1\nHost: wire.example\n\n"),
  refused("bare LF after a header", get("/wire/x", `${HOST}X: a\nY: b\r\n`)),
  refused("bare CR in a header", get("/wire/x", `${HOST}X: a\rY: b\r\n`)),
  refused("NUL in a value", get("/wire/x", `${HOST}X: a\0b\r\n`)),
  refused("NUL in a name", get("/wire/x", `${HOST}X\0: a\r\n`)),
  refused("a control byte in a value", get("/wire/x", `${HOST}X: a\x01b\r\n`)),
  refused("DEL in a value", get("/wire/x", `${HOST}X: a\x7fb\r\n`)),
  refused("a name with a space", get("/wire/x", `${HOST}X : a\r\n`)),
  refused("a name with brackets", get("/wire/x", `${HOST}X(a): a\r\n`)),
  refused("a name beyond ASCII", get("/wire/x", `${HOST}X\xe9: a\r\n`)),
  refused("a line without a colon", get("/wire/x", `${HOST}X\r\n`)),
  refused("an empty name", get("/wire/x", `${HOST}: a\r\n`)),
  {
    name: "a value beyond ASCII",
    bytes: get("/wire/x", `${HOST}X: a\xffb\xc3\xa9\r\n`),
    passes: [GOT],
    has: ["X: a\xffb\xc3\xa9"],
  },
  passes("an empty line before the request", `\r\n${get("/wire/x")}`, GOT),
  refused("HTTP/2.0 in an h1 line", get("/wire/x", HOST, "HTTP/2.0")),
  refused("HTTP/0.9 in an h1 line", get("/wire/x", HOST, "HTTP/0.9")),
  refused("HTTP/1.2", get("/wire/x", HOST, "HTTP/1.2")),
  refused("HTTP/11.1", get("/wire/x", HOST, "HTTP/11.1")),
  refused("http/1.1", get("/wire/x", HOST, "http/1.1")),
  refused("the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  refused("a TLS hello", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\x03\r\n\r\n"),
  refused("a method in lower case", `get /wire/x HTTP/1.1\r\n${HOST}\r\n`),
  refused("a method nobody knows", `FOO /wire/x HTTP/1.1\r\n${HOST}\r\n`),
  refused("CONNECT", `CONNECT wire.example:443 HTTP/1.1\r\n${HOST}\r\n`, 405),
  refused("TRACE", `TRACE /wire/x HTTP/1.1\r\n${HOST}\r\n`, 405),
  passes("HTTP/1.0", get("/wire/x", HOST, "HTTP/1.0"), GOT),
];

const targets: readonly RequestVector[] = [
  refused("OPTIONS *", `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`),
  refused("GET *", get("*")),
  refused("a target without a slash", get("wire/x")),
  refused("authority form", get("wire.example:80")),
  refused("only a query", get("?x")),
  refused("absolute form for a host no route names", get("http://evil.example/wire/x")),
  refused("absolute form for Host, which no route names", get("http://wire.example/wire/x")),
  refused("absolute form with https", get("https://wire.example/wire/x")),
  refused("absolute form with a user", get("http://me:pw@wire.example/wire/x")),
  refused("absolute form with ftp", get("ftp://wire.example/wire/x")),
  refused("absolute form without a host", get("http:///wire/x")),
  ...[
    "/wire/../admin",
    "/wire/..",
    "/wire/./x",
    "/wire/.",
    "/wire/%2e%2e/admin",
    "/wire/%2E%2e",
    "/wire/.%2e/x",
    "/wire/%2e/x",
    "/wire/..%2fadmin",
    "/wire/x%2f..",
    "/wire/..%5cadmin",
    "/wire/..;/admin",
  ].map((target) => refused(`dot segments: ${target}`, get(target))),
  refused("a backslash", get("/wire\\x")),
  refused("a fragment", get("/wire/x#y")),
  refused("a fragment after the query", get("/wire/x?y#z")),
  refused("an encoded NUL", get("/wire/x%00")),
  refused("a control byte", get("/wire/x\x01")),
  refused("DEL", get("/wire/x\x7f")),
  refused("NUL", get("/wire/x\0")),
  refused("a tab", get("/wire/\tx")),
  refused("a form feed", get("/wire/\x0cx")),
  refused("a space", get("/wire/x y")),
  refused("a byte beyond ASCII", get("/wire/x\xe9")),
  refused("a byte beyond ASCII in the query", get("/wire/x?\xe9")),
  ...[
    "/wire//evil/x",
    "/wire/%41%2f%zz",
    "/wire/x?a=../..&b=%00&c=\\&d=//e?f",
    "/wire/x?",
    "/wire/...",
    "/wire/.well-known/x",
    "/wire/a..b",
    "/wire/a;b=c",
    "/wire/%252e%252e/x",
  ].map((target) => passes(`forwarded as it is: ${target}`, get(target), seen("GET", target))),
];

const hosts: readonly RequestVector[] = [
  refused("no Host", get("/wire/x", "")),
  refused("no Host in HTTP/1.0", get("/wire/x", "", "HTTP/1.0")),
  refused("two Hosts", get("/wire/x", `${HOST}Host: evil.example\r\n`)),
  refused("the same Host twice", get("/wire/x", `${HOST}${HOST}`)),
  ...["", "a b", "a/b", "a@b", "a,b", "a:b", "a:99999", "a:", "http://a", "[::1", "[evil]", "a?b", "a#b", "\xe9"].map(
    (host) => refused(`Host: ${JSON.stringify(host)}`, get("/wire/x", `Host: ${host}\r\n`)),
  ),
  ...["wire.example", "WIRE.example:8080", "127.0.0.1:1", "[::1]:8080", "a_b-c.example."].map((host) =>
    passes(`Host: ${host}`, get("/wire/x", `Host: ${host}\r\n`), GOT),
  ),
];

const headers: readonly RequestVector[] = [
  ...[
    "Host",
    "hOST",
    "Content-Length",
    "close, Host",
    "webhook-signature",
    "X-Hub-Signature-256",
    "webhook-id",
    "X-Slack-Request-Timestamp",
    "svix-id",
    "Svix-Timestamp",
    "svix-signature",
    "Idempotency-Key",
  ].map((name) => refused(`Connection: ${name}`, get("/wire/x", `${HOST}Connection: ${name}\r\n`))),
  refused("a second Connection names Host", get("/wire/x", `${HOST}Connection: close\r\nConnection: host\r\n`)),
  passes("Connection names something else", get("/wire/x", `${HOST}Connection: X-Hop, close\r\nX-Hop: 1\r\n`), GOT),
  ...[
    "X_Request_ID",
    "x_forwarded_for",
    "X-Forwarded_For",
    "Content_Length",
    "Webhook_Id",
    "X_Hub_Signature",
    "svix_timestamp",
    "X-Slack-Request_Timestamp",
  ].map((name) => refused(`a name that poses as ours: ${name}`, get("/wire/x", `${HOST}${name}: 1\r\n`))),
  passes("an underscore that poses as nobody", get("/wire/x", `${HOST}X_Room: 1\r\n`), GOT),
  passes(
    "hop-by-hop fields, which end here",
    get(
      "/wire/x",
      `${HOST}Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nProxy-Authorization: a\r\nProxy-Foo: 1\r\n` +
        "Proxy-Connection: keep-alive\r\nTE: trailers, deflate\r\nUpgrade: h2c\r\n",
    ),
    GOT,
  ),
  {
    name: "repeated fields, in their order, number and spelling",
    bytes: get("/wire/x", `${HOST}X-A: 1\r\nCookie: b=1\r\nx-a: 2\r\ncookie: a=2\r\nX-A: 1\r\nX-B:  spaced \t\r\n`),
    passes: [GOT],
    has: ["X-A: 1", "Cookie: b=1", "x-a: 2", "cookie: a=2", "X-A: 1", "X-B: spaced"],
  },
  passes("100 headers", get("/wire/x", HOST + "A: b\r\n".repeat(99)), GOT),
  refused("101 headers", get("/wire/x", HOST + "A: b\r\n".repeat(100)), 431),
  refused(
    "1,500 headers, the last of them a second Host",
    get("/wire/x", `${HOST}${"A:b\r\n".repeat(1498)}${HOST}`),
    431,
  ),
  refused("more than 16 KiB of headers", get("/wire/x", `${HOST}A: ${"b".repeat(17_000)}\r\n`), 431),
  refused("more than 16 KiB in several headers", get("/wire/x", HOST + `A: ${"b".repeat(6_000)}\r\n`.repeat(3)), 431),
  refused("more than 16 KiB of target", get(`/wire/${"x".repeat(17_000)}`), 431),
  refused("an expectation nobody can meet", post(`Expect: magic\r\n${HI}`), 417),
  refused("100-continue and another", post(`Expect: 100-continue, magic\r\n${HI}`), 417),
  refused("two expectations", post(`Expect: 100-continue\r\nExpect: magic\r\n${HI}`), 417),
  refused("an expectation without a body", get("/wire/x", `${HOST}Expect: 200-ok\r\n`), 417),
  passes("100-continue, the body sent unasked", post(`Expect: 100-Continue\r\n${HI}`), POSTED),
  passes(
    "an upgrade to h2c",
    get(
      "/wire/x",
      `${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n`,
    ),
    GOT,
  ),
  passes(
    "an upgrade in HTTP/1.0",
    get("/wire/x", `${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n`, "HTTP/1.0"),
    GOT,
  ),
  passes("an upgrade by POST", post(`Connection: Upgrade\r\nUpgrade: websocket\r\n${HI}`), POSTED),
];

export const REQUEST_VECTORS: readonly RequestVector[] = [...framing, ...lines, ...targets, ...hosts, ...headers];
