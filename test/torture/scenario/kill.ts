import { join } from "node:path";
import type { Rack } from "../rack.ts";
import type { Scenario } from "./scenario.ts";

/** `kill -9` at random moments: in quiet, within milliseconds of a burst, just after the start and in the midst of it. */
export const kill: Scenario = {
  name: "kill",
  about: "SIGKILL at random moments",
  prepare: ({ dir, extent }) => ({
    dataDir: join(dir, "data"),
    async torture(rack) {
      for (let n = 0; n < extent.kills; n++) {
        // Each kind once in five, and the first five in order: so a short run has them all.
        await killAt(rack, n < MOMENTS.length ? MOMENTS[n]! : MOMENTS[rack.random.below(MOMENTS.length)]!);
        rack.start();
        if (n % 5 === 4) rack.say(`killed ${rack.kills} times, ${rack.startKills} of them before it was ready`);
      }
      await rack.up();
      await rack.flowing();
    },
  }),
};

type Moment = "quiet" | "burst" | "early" | "starting";
const MOMENTS: readonly Moment[] = ["quiet", "burst", "early", "starting", "quiet"];

async function killAt(rack: Rack, moment: Moment): Promise<void> {
  if (moment === "starting") {
    await rack.wait(0, rack.sidecar.startMs);
    return await rack.kill();
  }
  await rack.up();
  if (moment === "early") await rack.wait(0, 60);
  else await rack.wait(100, 1_800);
  if (moment === "burst") {
    rack.burst(50 + rack.random.below(250));
    await rack.wait(0, 15);
  }
  await rack.kill();
}
