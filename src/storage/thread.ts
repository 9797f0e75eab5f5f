import { statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../core/clock.ts";
import { shrinkHeap } from "../core/heap.ts";
import { quickCheck } from "./database.ts";
import type { ThreadOptions } from "./protocol.ts";
import { type Check, serve } from "./serve.ts";
import { spawn } from "./spawn.ts";

/** Where the storage thread begins: an edge, so the machine's clock is read here. */

/** Read through in some 20 ms: less than another thread costs, which would also leave 10 MB of memory behind. */
const SMALL_BYTES = 8 * 1024 * 1024;

const port = parentPort;
if (!port) throw new Error("src/storage/thread is started as a worker thread");

serve(port, {
  ...(workerData as ThreadOptions),
  wall: systemClock.wall,
  now: systemClock.now,
  check: (path) => (statSync(path).size <= SMALL_BYTES ? checkHere(path) : checkBeside(path)),
});

shrinkHeap();

/** Once what waits on the port has been answered. */
function checkHere(path: string): Check {
  let next: NodeJS.Immediate | null = null;
  const problems = new Promise<void>((resolve) => {
    next = setImmediate(resolve);
  }).then(() => quickCheck(path));
  return { problems, stop: () => next && clearImmediate(next) };
}

/** In a thread of its own: the check of a large file takes seconds, in which commits must go on. */
function checkBeside(path: string): Check {
  const worker = spawn("check", { path });
  const problems = new Promise<readonly string[]>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  return { problems, stop: () => void worker.terminate() };
}
