import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createBallast, mountTmpfs } from "../tmpfs.ts";
import type { Scenario } from "./scenario.ts";

const MIB = 1024 * 1024;
/** Room for all that a run writes, so that the disk is full only when we fill it. */
const DISK_BYTES = { short: 192 * MIB, long: 768 * MIB };
/** Sometimes a little is left, so that it ends in the midst of a write. */
const LEFT_BYTES = 256 * 1024;

/** The data directory's disk is full, now and again, with kills before, during and after. */
export const disk: Scenario = {
  name: "disk",
  about: "the disk full",
  mounts: true,
  prepare({ dir, extent }) {
    const mount = join(dir, "disk");
    mkdirSync(mount);
    const unmount = mountTmpfs(mount, extent.short ? DISK_BYTES.short : DISK_BYTES.long);
    const ballast = createBallast(mount);
    const dataDir = join(mount, "data");
    return {
      dataDir,
      async torture(rack) {
        const rounds = extent.short ? 4 : 20;
        for (let n = 0; n < rounds; n++) {
          await rack.up();
          await rack.wait(100, 1_000);
          const killed = n % 2 === 1;
          await rack.outage("disk", async () => {
            ballast.fill(rack.random.below(2) === 0 ? 0 : rack.random.below(LEFT_BYTES));
            await rack.refusing(1_000);
            await rack.wait(0, 700);
            if (killed) await rack.kill();
            // It may start on a full disk, or say that it can't.
            const runs = !killed || (n % 4 === 1 && (await rack.tryStart()));
            ballast.free();
            if (!runs) rack.start();
            await rack.up();
          });
          rack.say(`the disk was full ${n + 1} times${killed ? ", with a kill" : ""}`);
        }
      },
      close(keep) {
        ballast.close();
        if (keep !== null) cpSync(dataDir, keep, { recursive: true });
        unmount();
      },
    };
  },
};
