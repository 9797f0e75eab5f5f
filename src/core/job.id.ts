import type { Random } from "./random.ts";

/**
 * A job's id is a UUID of version 7 (RFC 9562 section 5.7) that is its row's key too: 48 bits of milliseconds and the
 * 12 bits behind them are `seq`, which only grows; the last 48 bits are random, so that nobody guesses the id of
 * another's job. So the file needs no index of ids.
 */
export interface JobId {
  readonly seq: number;
  /** 48 random bits. */
  readonly tail: number;
}

/** 2020-01-01: with it, `seq` is a whole number that JavaScript counts exactly until 2089. */
const EPOCH_MS = 1_577_836_800_000;
const PER_MS = 4096;
const ID = /^([0-9a-f]{8})-([0-9a-f]{4})-7([0-9a-f]{3})-8000-([0-9a-f]{12})$/;

export function idText({ seq, tail }: JobId): string {
  return `${timeText(Math.floor(seq / PER_MS))}${countText(seq)}${tailText(tail)}`;
}

export type IdTexts = (id: JobId) => string;

/** The same for many: of one millisecond there may be hundreds, and what they share is made once. */
export function createIdTexts(): IdTexts {
  let slot = -1;
  let time = "";
  return ({ seq, tail }) => {
    const ms = Math.floor(seq / PER_MS);
    if (ms !== slot) {
      slot = ms;
      time = timeText(ms);
    }
    return `${time}${countText(seq)}${tailText(tail)}`;
  };
}

function timeText(ms: number): string {
  const time = (ms + EPOCH_MS).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7`;
}

function countText(seq: number): string {
  return `${HEX[seq % PER_MS]}-8000-`;
}

function tailText(tail: number): string {
  const high = Math.floor(tail / 2 ** 24);
  const low = tail % 2 ** 24;
  return `${HEX[high >> 12]}${HEX[high & 0xfff]}${HEX[low >> 12]}${HEX[low & 0xfff]}`;
}

/** Of 12 bits. Digit by digit, as a number makes its text itself, a large one takes longer than all the rest of an id. */
const HEX: readonly string[] = Array.from({ length: 4096 }, (_, n) => n.toString(16).padStart(3, "0"));

/** Null for a text that is no id of this store. */
export function parseId(text: string): JobId | null {
  const [, high, low, count, tail] = ID.exec(text) ?? [];
  if (high === undefined) return null;
  const ms = Number.parseInt(`${high}${low}`, 16) - EPOCH_MS;
  const seq = ms * PER_MS + Number.parseInt(String(count), 16);
  return Number.isSafeInteger(seq) && seq > 0 ? { seq, tail: Number.parseInt(String(tail), 16) } : null;
}

/** An id that was just drawn, with its text: made once, from what is at hand. */
export interface NewId extends JobId {
  readonly text: string;
}

/** Draws ids above `floor` and above each other, also where the clock is set back. */
export function createIds(random: Random, floor: number): (now: number) => NewId {
  let last = floor;
  const text = createIdTexts();
  return (now) => {
    last = Math.max(last + 1, (Math.floor(now) - EPOCH_MS) * PER_MS);
    const id = { seq: last, tail: random.bytes(6).readUIntBE(0, 6) };
    return { ...id, text: text(id) };
  };
}
