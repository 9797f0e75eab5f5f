import { syncBuiltinESMExports } from "node:module";
import threads from "node:worker_threads";

/**
 * For profiles: Outrigger starts its threads without the process's Node options, and so without `--cpu-prof`. Imported
 * before it, this gives them back.
 */
const { Worker } = threads;

threads.Worker = class extends Worker {
  constructor(file: string | URL, { execArgv: _, ...options }: threads.WorkerOptions = {}) {
    super(file, options);
  }
};
syncBuiltinESMExports();
