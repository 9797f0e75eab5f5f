import { writeFileSync } from "node:fs";
import { errorText } from "../core/error.text.ts";
import { type ParcelTail, type Piece, packHead, packPieces, packTail } from "./parcel.ts";
import { type Prepared, prepare } from "./prepare.ts";
import type { FirstWord } from "./reading.beside.ts";
import { judge, type ReadingJob, unreadable } from "./reading.judge.ts";

/** Where the process begins that reads a manifest for a reload. */

// A terminal and systemd tell all processes to end. This one is ended by who started it, and ends by itself once that
// is gone: then nothing is left that it could wait for.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
goFirst();
process.once("message", (job: ReadingJob) => {
  try {
    read(job);
  } catch (error) {
    say(unreadable(job, errorText(error)));
  }
});

/** Should memory run out, the kernel takes this process and not the one that answers. */
function goFirst(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", "1000");
  } catch {
    // Another system, or a sandbox.
  }
}

function read(job: ReadingJob): void {
  const judged = judge(prepare(job), job);
  if (judged.kind !== "wanted") return say(judged);
  const { prepared } = judged;
  const answers = answersOf(prepared);
  process.on("message", () => process.send?.(answers.next().value ?? null));
  say({ kind: "parcel", head: packHead(prepared) });
}

function* answersOf(prepared: Prepared): Generator<Piece | null | ParcelTail, undefined> {
  yield* packPieces(prepared.loaded.manifest);
  yield null;
  yield packTail(prepared);
}

function say(word: FirstWord): void {
  process.send?.(word);
}
