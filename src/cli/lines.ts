/** Some whole lines of a file. */
export interface LinePart {
  readonly bytes: Uint8Array;
  /** The number of the first of them, from 1. */
  readonly firstLine: number;
}

/** A part is sent when it has come to this … */
const PART_BYTES = 1024 * 1024;
/** … and one line may be this long: as much as the sidecar takes at once. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

const NEWLINE = 0x0a;

/** The lines of `source` in parts, so that a file of any size is never held whole. The last may lack its newline. */
export async function* partsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<LinePart | "too long"> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  let whole = 0;
  let firstLine = 1;
  const take = (length: number): LinePart => {
    const all = Buffer.concat(held);
    const part = { bytes: all.subarray(0, length), firstLine };
    firstLine += newlines(part.bytes);
    held = [all.subarray(length)];
    bytes -= length;
    whole = 0;
    return part;
  };
  for await (const chunk of source) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    held.push(chunk);
    if (end > 0) whole = bytes + end;
    bytes += chunk.length;
    if (whole > MAX_LINE_BYTES) return yield "too long";
    if (whole >= PART_BYTES) yield take(whole);
    else if (bytes > MAX_LINE_BYTES && whole > 0) yield take(whole);
    if (bytes > MAX_LINE_BYTES) return yield "too long";
  }
  if (bytes > 0) yield take(bytes);
}

/** How many lines end in it. */
export function newlines(chunk: Uint8Array): number {
  let count = 0;
  for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
