import { parseId } from "../../core/job.id.ts";
import type { Random } from "../../core/random.ts";
import type { Seal } from "../../core/seal.ts";
import type { Lease, NewJob, Receipt, Settlement } from "../../spool/port.ts";
import { headText, list, text } from "./read.ts";
import type { Reply } from "./scripts.ts";

/** What goes into the scripts that take several jobs: of each its fields as one list, and its payload as it is. */

/** Half of a surrogate pair stands for no text: as UTF-8 it is the sign for that, and Redis's reader of JSON refuses it. */
function fieldsOf(values: readonly (string | number)[]): string {
  return JSON.stringify(values.map((value) => (typeof value === "string" ? value.toWellFormed() : String(value))));
}

export interface PutArgs {
  readonly fields: string;
  /** Head and body. */
  readonly content: Buffer;
}

const NOTHING = Buffer.alloc(0);

/** Copies the body. Throws where a dead letter's id is none of ours. */
export function putArgs(job: NewJob, random: Random, seal: Seal): PutArgs {
  const { key, dead, verify, body } = job;
  const known = dead === undefined ? null : parseId(dead.id);
  if (dead !== undefined && known === null) throw new Error(`${dead.id} is no id of this spool`);
  const head = Buffer.from(headText(job.request, seal));
  const fields = fieldsOf([
    dead?.id ?? random.bytes(6).toString("hex"),
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
    known?.seq ?? "",
    ...job.tries.map((one) => JSON.stringify(one)),
  ]);
  return { fields, content: verify === undefined ? Buffer.concat([head, body]) : NOTHING };
}

export function receiptOf(reply: Reply | undefined): Receipt {
  const [kind, more] = list(reply);
  const said = text(kind);
  if (said === "queued" || said === "duplicate") return { kind: said, id: text(more) };
  if (said === "full") return { kind: said, bound: text(more) === "jobs" ? "jobs" : "bytes" };
  return { kind: "conflict" };
}

export function settleArgs({ id, attempt }: Lease, settlement: Settlement): string {
  const tries = settlement.tries.map((one) => JSON.stringify(one));
  return fieldsOf([id, attempt, ...valuesOf(settlement), ...tries]);
}

function valuesOf(s: Settlement): [kind: string, a: string | number, b: string | number, c: string | number] {
  switch (s.kind) {
    case "delivered":
      return [s.kind, "", "", ""];
    case "again":
      return [s.kind, Math.ceil(s.delayMs), s.spent ? 1 : 0, s.inDoubt ? 1 : 0];
    case "verifying":
      return [s.kind, JSON.stringify(s.poll), Math.ceil(s.delayMs), s.forMs === null ? "" : Math.ceil(s.forMs)];
    case "dead":
      return [s.kind, s.reason, s.detail ?? "", s.release ? 1 : 0];
  }
}
