import { type MessagePort, parentPort } from "node:worker_threads";
import { systemClock } from "../../src/core/clock.ts";
import { quickCheck } from "../../src/storage/database.ts";
import { serve } from "../../src/storage/serve.ts";

/** The thread of `storage.hall.ts`: serves each port that it is given, as the storage thread serves its one. */
parentPort?.on("message", ({ port, dataDir }: { readonly port: MessagePort; readonly dataDir: string }) => {
  serve(port, {
    dataDir,
    wall: systemClock.wall,
    now: systemClock.now,
    check(path) {
      let next: NodeJS.Immediate | null = null;
      const problems = new Promise<void>((resolve) => {
        next = setImmediate(resolve);
      }).then(() => quickCheck(path));
      return { problems, stop: () => next && clearImmediate(next) };
    },
  });
});
