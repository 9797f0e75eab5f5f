import { constants, setPriority } from "node:os";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { packHead, packPieces } from "./parcel.ts";
import { prepare } from "./prepare.ts";
import { type FirstWord, judge, type ReadingJob } from "./reading.ts";

/** Where the thread begins that reads a manifest for a reload. */

const port = parentPort;
if (!port) throw new Error("src/app/reading.thread is started as a worker thread");

standBack();
read(port, workerData as ReadingJob);

/** Where there is no core for both, calls come first. Elsewhere than on Linux a priority is that of the whole process. */
function standBack(): void {
  if (process.platform !== "linux") return;
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox forbids it: then they share.
  }
}

function read(to: MessagePort, job: ReadingJob): void {
  const say = (word: FirstWord, transfer: ArrayBuffer[] = []): void => to.postMessage(word, transfer);
  const judged = judge(prepare(job), job);
  if (judged.kind !== "wanted") return say(judged);
  const head = packHead(judged.prepared);
  const pieces = packPieces(judged.prepared.loaded.manifest);
  to.on("message", () => to.postMessage(pieces.next().value ?? null));
  say({ kind: "parcel", head }, [head.shown.deflated.buffer, ...head.written.map(({ buffer }) => buffer)]);
}
