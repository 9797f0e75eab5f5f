import { syncBuiltinESMExports } from "node:module";
import threads from "node:worker_threads";

/** Loaded into the sidecar: SIGUSR2 ends its storage thread at once, whatever that is in the midst of. */

const NAME = "outrigger thread";
const running = new Set<threads.Worker>();

threads.Worker = class extends threads.Worker {
  constructor(...[file, options]: ConstructorParameters<typeof threads.Worker>) {
    super(file, options);
    if (options?.name !== NAME) return;
    running.add(this);
    this.once("exit", () => running.delete(this));
  }
};
syncBuiltinESMExports();

process.on("SIGUSR2", () => {
  for (const worker of running) void worker.terminate();
});
