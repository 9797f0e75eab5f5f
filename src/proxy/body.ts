import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { packetsRead } from "../core/turn.ts";
import { type BodyEnd, CALL, type Call, type Carrier } from "./call.ts";

/**
 * To be awaited as a request begins: the parser has only come to the end of its head. Once it has been through the
 * packet, most bodies are there whole: then neither listeners nor a timer are needed.
 */
export function beginBody(call: Call, expectsContinue: boolean): Promise<void> {
  if (expectsContinue) call.res.writeContinue();
  return packetsRead();
}

/**
 * Reads the whole request body into `call.body`, at most `body_limit` bytes and not beyond the deadline; every byte
 * is booked on the memory ledger before it is kept. After {@link beginBody}; `whole` where the request announces no
 * body. One that is there already costs no promise. Never rejects.
 */
export function takeBody(call: Call): BodyEnd | Promise<BodyEnd> {
  if (call.gone) return "gone";
  if (!announcesBody(call.req)) return "whole";
  if (!isWhole(call.req)) return readComing(call);
  waited(call);
  return readHeld(call);
}

function waited(call: Call): void {
  call.waitedMs += call.shared.clock.now() - call.startedAt;
}

function announcesBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** The parser says so itself only with its next step, after all that waits here. */
function isWhole(req: IncomingMessage): boolean {
  return req.complete || req.readableLength === Number(req.headers["content-length"]);
}

function readHeld(call: Call): BodyEnd {
  // Without a size it gives the first chunk of several.
  const body = call.req.read(call.req.readableLength) as Buffer | null;
  if (body === null) return "whole";
  call.bodyBytes = body.length;
  if (body.length > call.plan.settings.bodyLimit) return "too_large";
  if (!call.shared.memory.take(body.length)) return "overload";
  call.heldBytes += body.length;
  call.body = body;
  return "whole";
}

// Listeners are shared functions that find their call on the message: no closure a request.
function readComing(call: Call): Promise<BodyEnd> {
  return new Promise((resolve) => {
    const { req, shared } = call;
    call.bodyDone = resolve;
    call.bodyChunks = [];
    (req as Carrier)[CALL] = call;
    call.bodyTimer = shared.clock.after(call.plan.settings.timeoutMs, onLate, call);
    req.on("data", onData);
    req.on("end", onEnd);
  });
}

/**
 * To be called once a request is answered: whose body was read before its end was told stays at a connection that is kept
 * until the next one comes. Nobody needs its head there. (Letting the stream flow to its end would let go of all, and cost
 * each request more than this.)
 */
export function forgetHead(req: IncomingMessage): void {
  if (req.readableEnded) return;
  req.rawHeaders = NO_FIELDS;
  req.headers = NO_HEADERS;
  req.url = "";
}

const NO_FIELDS: string[] = [];
const NO_HEADERS: IncomingHttpHeaders = {};

/** The caller went away while its body was read. */
export function abandonBody(call: Call): void {
  end(call, "gone");
}

function onData(this: IncomingMessage, chunk: Buffer): void {
  const call = (this as Carrier)[CALL];
  if (call === undefined || call.bodyChunks === null) return;
  call.bodyBytes += chunk.length;
  if (call.bodyBytes > call.plan.settings.bodyLimit) return end(call, "too_large");
  if (!call.shared.memory.take(chunk.length)) return end(call, "overload");
  call.heldBytes += chunk.length;
  call.bodyChunks.push(chunk);
}

function onEnd(this: IncomingMessage): void {
  const call = (this as Carrier)[CALL];
  if (call === undefined || call.bodyChunks === null) return;
  const [first] = call.bodyChunks;
  if (first !== undefined) call.body = call.bodyChunks.length === 1 ? first : Buffer.concat(call.bodyChunks);
  end(call, "whole");
}

function onLate(call: Call): void {
  end(call, "late");
}

function end(call: Call, how: BodyEnd): void {
  const done = call.bodyDone;
  if (done === null) return;
  if (call.bodyTimer !== null) call.shared.clock.cancel(call.bodyTimer);
  call.bodyTimer = null;
  call.bodyDone = null;
  call.bodyChunks = null;
  waited(call);
  done(how);
}
