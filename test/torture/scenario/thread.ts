import { join } from "node:path";
import type { Scenario } from "./scenario.ts";

/** The storage thread is ended while it works, and now and then the process with it. */
export const thread: Scenario = {
  name: "thread",
  about: "the storage thread dying",
  prepare: ({ dir, extent }) => ({
    nodeArgs: ["--import", new URL("../preload/thread.ts", import.meta.url).href],
    dataDir: join(dir, "data"),
    async torture(rack) {
      // Odd: after the last one no new process may put right what the thread's death left behind.
      const deaths = extent.short ? 3 : 13;
      for (let n = 1; n <= deaths; n++) {
        await rack.up();
        await rack.wait(100, 1_200);
        await rack.outage("thread", async () => {
          if (rack.random.below(2) === 0) rack.burst(200);
          rack.sidecar.current().signal("SIGUSR2");
          await rack.refusing(1_500);
          // The wait before a new thread doubles with each death; a new process begins anew.
          if (n % 2 === 0) {
            await rack.wait(0, 800);
            await rack.kill();
            rack.start();
            await rack.up();
          }
        });
        rack.say(`the thread died ${n} times`);
      }
    },
  }),
};
