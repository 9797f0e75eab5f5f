import { arrayIndex } from "./pointer.ts";

/**
 * Finds values in the text of a JSON document without building them, so that what is copied out is copied exactly:
 * long numbers, key order and spelling stay as they were, which parsing and writing again would change.
 * Every function takes text that `JSON.parse` accepts; on other text its answer means nothing.
 */

/** A value's place: `text.slice(start, end)` is its JSON text, without space around it. */
interface Span {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COMMA = 0x2c;

/** The JSON text at `tokens` (see `parsePointer`), or undefined. Of equal keys the last counts, as in `JSON.parse`. */
export function jsonAt(text: string, tokens: readonly string[]): string | undefined {
  let start = afterSpace(text, 0);
  let end = endOfValue(text, start);
  for (const token of tokens) {
    const child = childOf(text, start, token);
    if (child === null) return undefined;
    start = child.start;
    end = child.end;
  }
  return text.slice(start, end);
}

/** How many elements the array that `text` is has; null where it is no array. */
export function countItems(text: string): number | null {
  let count = 0;
  return eachItem(text, () => count++) ? count : null;
}

/** The JSON texts of the elements with these indexes, in the order asked for. Those that do not exist are "". */
export function itemsAt(text: string, indexes: readonly number[]): string[] {
  const items = indexes.map(() => "");
  const wanted = new Map(indexes.map((index, place) => [index, place]));
  eachItem(text, (index, start, end) => {
    const place = wanted.get(index);
    if (place !== undefined) items[place] = text.slice(start, end);
  });
  return items;
}

// Nothing is kept of an element on the way: a body may hold a million of them.
function eachItem(text: string, visit: (index: number, start: number, end: number) => void): boolean {
  const start = afterSpace(text, 0);
  if (text.charCodeAt(start) !== OPEN_ARRAY) return false;
  let at = afterSpace(text, start + 1);
  for (let index = 0; at < text.length && text.charCodeAt(at) !== CLOSE_ARRAY; index++) {
    const end = endOfValue(text, at);
    visit(index, at, end);
    at = afterComma(text, end);
  }
  return true;
}

function childOf(text: string, start: number, token: string): Span | null {
  const first = text.charCodeAt(start);
  if (first === OPEN_OBJECT) return memberOf(text, start, token);
  if (first === OPEN_ARRAY) return elementOf(text, start, arrayIndex(token));
  return null;
}

function memberOf(text: string, start: number, name: string): Span | null {
  let found: Span | null = null;
  let at = afterSpace(text, start + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_OBJECT) {
    const keyEnd = endOfString(text, at);
    const key = text.slice(at + 1, keyEnd - 1);
    const same = key.includes("\\") ? JSON.parse(`"${key}"`) === name : key === name;
    const valueStart = afterSpace(text, afterSpace(text, keyEnd) + 1);
    const valueEnd = endOfValue(text, valueStart);
    if (same) found = { start: valueStart, end: valueEnd };
    at = afterComma(text, valueEnd);
  }
  return found;
}

function elementOf(text: string, start: number, index: number): Span | null {
  if (index < 0) return null;
  let at = afterSpace(text, start + 1);
  for (let i = 0; at < text.length && text.charCodeAt(at) !== CLOSE_ARRAY; i++) {
    const end = endOfValue(text, at);
    if (i === index) return { start: at, end };
    at = afterComma(text, end);
  }
  return null;
}

function afterSpace(text: string, at: number): number {
  let i = at;
  while (isSpace(text.charCodeAt(i))) i++;
  return i;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function afterComma(text: string, at: number): number {
  const i = afterSpace(text, at);
  return text.charCodeAt(i) === COMMA ? afterSpace(text, i + 1) : i;
}

/** The index after the closing quote of the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  let quote = text.indexOf('"', at + 1);
  while (quote >= 0) {
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
  return text.length;
}

/** The index after the value that begins at `at`. Counts brackets instead of recursing: depth is the sender's choice. */
function endOfValue(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return endOfString(text, at);
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return endOfScalar(text, at);
  let depth = 0;
  let i = at;
  while (i < text.length) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      i = endOfString(text, i);
      continue;
    }
    i++;
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth++;
    else if ((code === CLOSE_OBJECT || code === CLOSE_ARRAY) && --depth === 0) return i;
  }
  return i;
}

function endOfScalar(text: string, at: number): number {
  let i = at;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === COMMA || code === CLOSE_ARRAY || code === CLOSE_OBJECT || isSpace(code)) break;
  }
  return i;
}
