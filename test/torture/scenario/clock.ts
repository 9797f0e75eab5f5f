import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Scenario } from "./scenario.ts";

const HOUR_MS = 3_600_000;

/** The wall clock jumps by an hour, back and forward, while the sidecar runs and while it does not. */
export const clock: Scenario = {
  name: "clock",
  about: "the clock set back and forward an hour",
  prepare({ dir, extent }) {
    const file = join(dir, "clock");
    const preload = new URL("../preload/clock.ts", import.meta.url);
    preload.searchParams.set("file", file);
    const set = (offset: number): void => writeFileSync(file, String(offset));
    set(0);
    return {
      nodeArgs: ["--import", preload.href],
      dataDir: join(dir, "data"),
      async torture(rack) {
        const jumps = extent.short ? 6 : 30;
        let hours = 0;
        for (let n = 0; n < jumps; n++) {
          await rack.up();
          await rack.wait(100, extent.short ? 600 : 1_500);
          const between = n % 3 === 2;
          if (between) await rack.kill();
          hours = next(hours, rack.random.below(2) === 0);
          set(hours * HOUR_MS + rack.random.below(1_000));
          rack.say(`the clock is ${hours} h off${between ? ", set while nothing ran" : ""}`);
          if (between) rack.start();
        }
        await rack.up();
        await rack.flowing();
      },
    };
  },
};

/** A jump of an hour, or of two, but never further from the true time than one. */
function next(hours: number, forward: boolean): number {
  if (hours === 0) return forward ? 1 : -1;
  return forward ? 0 : -hours;
}
