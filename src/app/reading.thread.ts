import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { packHead, packPieces } from "./parcel.ts";
import { prepare } from "./prepare.ts";
import { type FirstWord, judge, type ReadingJob } from "./reading.ts";

/** Where the thread begins that reads a manifest for a reload. */

const port = parentPort;
if (!port) throw new Error("src/app/reading.thread is started as a worker thread");

read(port, workerData as ReadingJob);

function read(to: MessagePort, { file, env, standing, hash }: ReadingJob): void {
  const say = (word: FirstWord, transfer: ArrayBuffer[] = []): void => to.postMessage(word, transfer);
  const judged = judge(prepare(file, env, standing), hash);
  if (judged.kind !== "wanted") return say(judged);
  const head = packHead(judged.prepared);
  const pieces = packPieces(judged.prepared.loaded.manifest);
  to.on("message", () => to.postMessage(pieces.next().value ?? null));
  say({ kind: "parcel", head }, [head.shown.deflated.buffer, head.written.buffer]);
}
