import type { Poll, StoredJob } from "../../core/job.ts";
import type { Seal } from "../../core/seal.ts";
import { num, requestOf, summaryOf, type ToWall, text, textOrNull, triesOf } from "./read.ts";
import type { Reply } from "./scripts.ts";

/** The whole of a job, as `find` gives it; null where there is none. */
export function readJob(reply: readonly Reply[], seal: Seal, wall: ToWall): StoredJob | null {
  const [, found, orderKey, doubt, poll, until, headBytes, content, tries] = reply;
  if (found === undefined) return null;
  const bytes = Buffer.isBuffer(content) && headBytes !== null ? content : null;
  const pollText = textOrNull(poll);
  return {
    ...summaryOf(found, wall),
    request: bytes && requestOf(bytes.subarray(0, num(headBytes)), seal),
    body: bytes?.subarray(num(headBytes)) ?? null,
    orderKey: textOrNull(orderKey),
    inDoubt: text(doubt) === "1",
    tries: triesOf(tries),
    poll: pollText === null ? null : { ...(JSON.parse(pollText) as Poll), until: wall(num(until)) },
  };
}
