/**
 * JSON pointers (RFC 6901): `/a/b/0` names a place in a JSON document, the empty one the whole document.
 */

const POINTER = /^(?:\/(?:[^/~]|~[01])*)*$/;
const INDEX = /^(?:0|[1-9][0-9]{0,15})$/;

/** The unescaped reference tokens of `text` (RFC 6901 section 3 and 4), or null where it is no JSON pointer. */
export function parsePointer(text: string): readonly string[] | null {
  if (!POINTER.test(text)) return null;
  return text
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The array index that a reference token names, or -1. `-` names the element after the last: it never exists. */
export function arrayIndex(token: string): number {
  return INDEX.test(token) ? Number(token) : -1;
}
