import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../core/clock.ts";
import type { ThreadOptions } from "./protocol.ts";
import { serve } from "./serve.ts";
import { spawn } from "./spawn.ts";

/** Where the storage thread begins: an edge, so the machine's clock is read here. */

const port = parentPort;
if (!port) throw new Error("src/storage/thread is started as a worker thread");

serve(port, {
  ...(workerData as ThreadOptions),
  wall: systemClock.wall,
  // In a thread of its own: the check of a large file takes seconds, in which commits must go on.
  check(path) {
    const worker = spawn("check", { path });
    const problems = new Promise<readonly string[]>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    return { problems, stop: () => void worker.terminate() };
  },
});
