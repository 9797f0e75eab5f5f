import type { TryRecord } from "../../core/job.ts";
import type { Seal } from "../../core/seal.ts";
import type { Movable, MovedJob, Part } from "../../spool/move/port.ts";
import { StorageError } from "../error.ts";
import { answerHead, readAnswerHead } from "./answer.head.ts";
import { type MovedAnswerRow, type MovedRow, movedHead } from "./move.ts";
import { readable } from "./pack.ts";
import type { Head } from "./wire.ts";

type Call = <T>(name: string, arg: unknown) => Promise<T>;

const UNREADABLE = "headers of a job were sealed with a key that OUTRIGGER_SPOOL_KEY does not name: set it, too";

/** Moves what the file holds; heads are opened and closed here, where the key is. */
export function sqliteMover(call: Call, seal: Seal, now: () => number): Movable {
  const readJob = ({ content, log, ...job }: MovedRow): MovedJob => {
    const request = content && readable(JSON.parse(content.head) as Head, seal);
    if (content !== null && request === null) throw new StorageError("failed", UNREADABLE);
    const tries = (log ?? "").split("\n").filter((line) => line !== "");
    return {
      ...job,
      payload: content && request && { request, body: content.body },
      tries: tries.map((line) => JSON.parse(line) as TryRecord),
    };
  };
  const rowOf = ({ payload, tries, ...job }: MovedJob): MovedRow => {
    const { headers, sealed } = seal.close(payload?.request.headers ?? []);
    const head = movedHead({ ...job, payload, tries }, headers, sealed);
    return {
      ...job,
      content: payload && head && { head: JSON.stringify(head), body: payload.body },
      log: tries.length === 0 ? null : tries.map((one) => `${JSON.stringify(one)}\n`).join(""),
    };
  };
  return {
    async giveJobs(after) {
      const { items, next } = await call<Part<MovedRow>>("spool.giveJobs", { now: now(), after });
      return { items: items.map(readJob), next };
    },
    takeJobs: (jobs) => call("spool.takeJobs", { now: now(), items: jobs.map(rowOf) }),
    giveKeys: (after) => call("spool.giveKeys", { now: now(), after }),
    takeKeys: (items) => call("spool.takeKeys", { now: now(), items }),
    async giveAnswers(after) {
      const { items, next } = await call<Part<MovedAnswerRow>>("spool.giveAnswers", { now: now(), after });
      const read = items.map(({ answer, ...more }) => {
        const headers = readAnswerHead(answer.headers, seal);
        if (headers === null) throw new StorageError("failed", UNREADABLE);
        return { ...more, answer: { ...answer, headers } };
      });
      return { items: read, next };
    },
    async takeAnswers(answers) {
      for (const { app, capability, hash, leftMs, answer } of answers) {
        const { bodyHash, headers, ...more } = answer;
        const key = { hash, bodyHash, ttlMs: leftMs };
        const kept = { ...more, headers: answerHead(headers, seal) };
        await call("spool.remember", { now: now(), route: `${app}/${capability}`, key, answer: kept });
      }
    },
    empty: () => call("spool.empty", null),
  };
}
