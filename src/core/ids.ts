import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** A UUID of version 7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then 74 random bits. */
export function uuidv7(clock: Clock, random: Random): string {
  const ms = clock.wall();
  const high = Math.floor(ms / 0x10000);
  const low = ms % 0x10000;
  const r = random.bytes(10);
  const b = (i: number): string => HEX[r[i] ?? 0] as string;
  return (
    `${high.toString(16).padStart(8, "0")}-${low.toString(16).padStart(4, "0")}-` +
    `${HEX[0x70 | ((r[0] ?? 0) & 0x0f)]}${b(1)}-${HEX[0x80 | ((r[2] ?? 0) & 0x3f)]}${b(3)}-` +
    `${b(4)}${b(5)}${b(6)}${b(7)}${b(8)}${b(9)}`
  );
}

/** Is this a request id we may keep? A longer or stranger one would end in logs and file names. */
export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}

/** `n` random bytes as lower-case hex: W3C trace ids (16) and span ids (8), never all zero in practice. */
export function randomHex(random: Random, n: number): string {
  const r = random.bytes(n);
  let out = "";
  for (let i = 0; i < n; i++) out += HEX[r[i] ?? 0];
  return out;
}
