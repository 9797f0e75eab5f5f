import type { RawHeaders } from "../../core/headers.ts";
import type { Seal } from "../../core/seal.ts";

/** The headers of an answer as the file has them: a list, or a list with gaps and what is sealed of it. */
interface Sealed {
  readonly headers: readonly (string | null)[];
  readonly sealed: string;
}

export function answerHead(own: RawHeaders, seal: Seal): string {
  const { headers, sealed } = seal.close(own);
  return JSON.stringify(sealed === null ? own : { headers, sealed });
}

/** Null where none of the keys opens it: then the answer is as good as forgotten. */
export function readAnswerHead(text: string, seal: Seal): string[] | null {
  const head = JSON.parse(text) as string[] | Sealed;
  if (Array.isArray(head)) return head;
  try {
    return seal.open(head.headers, head.sealed);
  } catch {
    return null;
  }
}
