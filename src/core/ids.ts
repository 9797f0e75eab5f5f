import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** What the ids of one millisecond share: there may be dozens of them. */
let slot = -1;
let shared = "";

function timeText(ms: number): string {
  if (ms !== slot) {
    slot = ms;
    const time = ms.toString(16).padStart(12, "0");
    shared = `${time.slice(0, 8)}-${time.slice(8)}-`;
  }
  return shared;
}

/** A UUID of version 7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then 74 random bits. */
export function uuidv7(clock: Clock, random: Random): string {
  const time = timeText(clock.wall());
  const r = random.bytes(10);
  r[0] = 0x70 | ((r[0] ?? 0) & 0x0f);
  r[2] = 0x80 | ((r[2] ?? 0) & 0x3f);
  // One call into the runtime for all digits: byte by byte costs twice as much.
  const hex = r.toString("hex");
  return `${time}${hex.slice(0, 4)}-${hex.slice(4, 8)}-${hex.slice(8)}`;
}

/** Is this a request id we may keep? A longer or stranger one would end in logs and file names. */
export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}

/** `n` random bytes as lower-case hex: W3C trace ids (16) and span ids (8), never all zero in practice. */
export function randomHex(random: Random, n: number): string {
  return random.bytes(n).toString("hex");
}
