import type { Seal } from "../../core/seal.ts";
import type { NewJob, Receipt, Settlement } from "../../spool/port.ts";
import type { RedisSpoolBounds } from "./driver.ts";
import { headText, text } from "./read.ts";
import type { Arg, Reply } from "./scripts.ts";

/** What goes into the scripts that put and settle, in their order, and what a put says. */

export function putArgs(
  job: NewJob,
  id: string,
  seq: number | "",
  { maxJobs, maxBytes }: RedisSpoolBounds,
  seal: Seal,
): Arg[] {
  const { key, dead, verify, body } = job;
  const head = Buffer.from(headText(job.request, seal));
  return [
    maxJobs,
    maxBytes,
    id,
    `${job.app}/${job.capability}`,
    job.requestId ?? "",
    job.at,
    Math.ceil(job.maxAgeMs),
    job.sends,
    job.inDoubt ? 1 : 0,
    job.origin,
    body.length,
    head.length,
    job.orderKey ?? "",
    job.blocks === true ? 1 : 0,
    key?.hash ?? "",
    key?.bodyHash ?? "",
    key === null ? "" : Math.ceil(key.ttlMs),
    dead?.reason ?? "",
    dead?.detail ?? "",
    verify === undefined ? "" : JSON.stringify(verify.poll),
    verify === undefined ? "" : Math.ceil(verify.delayMs),
    verify === undefined ? "" : Math.ceil(verify.forMs),
    verify === undefined ? Buffer.concat([head, body]) : "",
    seq,
    ...job.tries.map((one) => JSON.stringify(one)),
  ];
}

export function receiptOf([, kind, more]: readonly Reply[]): Receipt {
  const said = text(kind);
  if (said === "queued" || said === "duplicate") return { kind: said, id: text(more) };
  if (said === "full") return { kind: said, bound: text(more) === "jobs" ? "jobs" : "bytes" };
  return { kind: "conflict" };
}

export function settleArgs(s: Settlement): Arg[] {
  const tries = s.tries.map((one) => JSON.stringify(one));
  switch (s.kind) {
    case "delivered":
      return [s.kind, "", "", "", ...tries];
    case "again":
      return [s.kind, Math.ceil(s.delayMs), s.spent ? 1 : 0, s.inDoubt ? 1 : 0, ...tries];
    case "verifying":
      return [
        s.kind,
        JSON.stringify(s.poll),
        Math.ceil(s.delayMs),
        s.forMs === null ? "" : Math.ceil(s.forMs),
        ...tries,
      ];
    case "dead":
      return [s.kind, s.reason, s.detail ?? "", s.release ? 1 : 0, ...tries];
  }
}
