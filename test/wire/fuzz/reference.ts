/**
 * How RFC 9112 reads bytes, as strictly as it may be read: the other opinion in the differential fuzz. Shares no code
 * with what it judges.
 */

export interface ReadRequest {
  readonly method: string;
  readonly target: string;
  /** The values of X-Fuzz-Id. */
  readonly id: string;
  readonly body: string;
}

/** What follows the whole requests: nothing, the beginning of another, or what is none. */
export type Rest = "none" | "partial" | "invalid";

// More than one space may part the words of a request line (RFC 9112 section 3).
const REQUEST_LINE = /^([A-Z-]+) +(\/[\x21-\x7e]*) +HTTP\/1\.([01])$/;
// The reason may be anything: nobody is told of it.
const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: .*)?$/s;
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

/** Reads requests until the bytes end or can't be read on. */
export function readRequests(bytes: string): { readonly whole: readonly ReadRequest[]; readonly rest: Rest } {
  const whole: ReadRequest[] = [];
  for (let at = 0; ; ) {
    at = skipEmptyLines(bytes, at);
    if (at >= bytes.length) return { whole, rest: "none" };
    const head = readHead(bytes, at);
    if (head === "partial" || head === "invalid") return { whole, rest: head };
    const line = REQUEST_LINE.exec(head.line);
    if (line === null) return { whole, rest: "invalid" };
    const [, method = "", target = "", minor] = line;
    const { fields } = head;
    if (fields.get("host")?.length !== 1) return { whole, rest: "invalid" };
    const body = readBody(bytes, head.end, fields, minor === "1", null);
    if (body === "partial" || body === "invalid") return { whole, rest: body };
    whole.push({ method, target, id: fields.get("x-fuzz-id")?.join() ?? "", body: body.text });
    at = body.end;
    if (fields.get("connection")?.some((value) => /\bclose\b/i.test(value))) return { whole, rest: "none" };
    if (minor === "0" && !fields.get("connection")?.some((value) => /keep-alive/i.test(value))) {
      return { whole, rest: "none" };
    }
  }
}

export interface ReadAnswer {
  readonly status: number;
  readonly body: string;
  /** Only the end of the connection ends it. */
  readonly untilClose: boolean;
}

/** Why there is no answer to be read, or that it may be read or not: a status line may end in any way. */
export type NoAnswer = "partial" | "invalid" | "doubtful";

/** Reads the one answer to a request of `method`, all of whose bytes these are; then the connection closes. */
export function readAnswer(bytes: string, method: string): ReadAnswer | NoAnswer {
  for (let at = 0; ; ) {
    if (/^[\r\n]*[^\n]*\r[^\n]/.test(bytes.slice(at))) return "doubtful";
    const head = readHead(bytes, skipEmptyLines(bytes, at));
    if (head === "partial" || head === "invalid") return head;
    const line = STATUS_LINE.exec(head.line);
    const status = Number(line?.[2]);
    if (line === null || status < 100 || status > 599 || status === 101) return "invalid";
    at = head.end;
    if (status < 200) continue;
    const bodiless = method === "HEAD" || status === 204 || status === 304;
    if (head.fields.has("transfer-encoding") && head.fields.has("content-length")) return "invalid";
    if (bodiless) return { status, body: "", untilClose: false };
    const body = readBody(bytes, at, head.fields, line[1] === "1", bytes.slice(at));
    const untilClose = !head.fields.has("transfer-encoding") && !head.fields.has("content-length");
    return typeof body === "string" ? body : { status, body: body.text, untilClose };
  }
}

/** Empty lines before a message are no part of it (RFC 9112 section 2.2), and end as they like. */
function skipEmptyLines(bytes: string, from: number): number {
  let at = from;
  while (bytes[at] === "\r" || bytes[at] === "\n") at++;
  return at;
}

type Fields = ReadonlyMap<string, readonly string[]>;

function readHead(bytes: string, at: number) {
  const end = bytes.indexOf("\r\n\r\n", at);
  const text = bytes.slice(at, end === -1 ? bytes.length : end);
  // Whatever may still come: these are in no head.
  if (/[^\r]\n|^\n|\r[^\n]/.test(text)) return "invalid";
  if (end === -1) return "partial";
  const [line = "", ...lines] = text.split("\r\n");
  const fields = new Map<string, string[]>();
  for (const one of lines) {
    const [, name, value = ""] = FIELD.exec(one) ?? [];
    if (name === undefined) return "invalid";
    const lower = name.toLowerCase();
    fields.set(lower, [...(fields.get(lower) ?? []), value.replace(/[ \t]+$/, "")]);
  }
  return { line, fields: fields as Fields, end: end + 4 };
}

/** `unframed`: the body of a message that says nothing of its length. */
function readBody(bytes: string, at: number, fields: Fields, mayChunk: boolean, unframed: string | null) {
  const lengths = fields.get("content-length") ?? [];
  const codings = fields.get("transfer-encoding") ?? [];
  if (lengths.length + codings.length > 1) return "invalid";
  if (codings.length === 1) {
    return mayChunk && codings[0]?.toLowerCase() === "chunked" ? readChunks(bytes, at) : "invalid";
  }
  const [length] = lengths;
  if (length === undefined) {
    return unframed === null ? { text: "", end: at } : { text: unframed, end: bytes.length };
  }
  if (!/^\d+$/.test(length)) return "invalid";
  const end = at + Number(length);
  return end > bytes.length ? "partial" : { text: bytes.slice(at, end), end };
}

function readChunks(bytes: string, from: number) {
  let text = "";
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd === -1) return "partial";
    const [, hex] = /^([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/.exec(bytes.slice(at, lineEnd)) ?? [];
    if (hex === undefined) return "invalid";
    const size = Number.parseInt(hex, 16);
    at = lineEnd + 2;
    if (size === 0) return readTrailers(bytes, at, text);
    if (bytes.length < at + size + 2) return "partial";
    if (!bytes.startsWith("\r\n", at + size)) return "invalid";
    text += bytes.slice(at, at + size);
    at += size + 2;
  }
}

function readTrailers(bytes: string, from: number, text: string) {
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd === -1) return "partial";
    if (lineEnd === at) return { text, end: at + 2 };
    if (!FIELD.test(bytes.slice(at, lineEnd))) return "invalid";
    at = lineEnd + 2;
  }
}
