import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A small disk in memory, mounted where only this process and its children see it: it goes with the last of them. */

/** What this process is started as once more, so that it may mount; null where the machine does not let it. */
export function privateMounts(): readonly string[] | null {
  const command = process.geteuid?.() === 0 ? ["unshare", "-m"] : ["unshare", "-rm"];
  const [program, ...args] = command as [string, ...string[]];
  const trial = spawnSync(program, [...args, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"], {
    stdio: "ignore",
  });
  return trial.status === 0 ? command : null;
}

export function mountTmpfs(dir: string, bytes: number): () => void {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=0700`, "tmpfs", dir]);
  return () => {
    execFileSync("umount", ["--lazy", dir]);
  };
}

/** A file that takes all the room there is, and gives it back. */
export interface Ballast {
  /** Until nothing more can be written, but for `left` bytes. */
  fill(left: number): void;
  free(): void;
  close(): void;
}

const PART = Buffer.alloc(64 * 1024);
const PAGE = 4 * 1024;

export function createBallast(dir: string): Ballast {
  const file = openSync(join(dir, "ballast"), "w");
  return {
    fill(left) {
      for (let size = PART.length; size >= PAGE; size /= 2) while (wrote(file, size));
      if (left > 0) ftruncateSync(file, Math.max(0, fstatSync(file).size - left));
    },
    free: () => ftruncateSync(file, 0),
    close: () => closeSync(file),
  };
}

/** Also false where only a part of it found room. */
function wrote(file: number, size: number): boolean {
  try {
    return writeSync(file, PART, 0, size, fstatSync(file).size) === size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") return false;
    throw error;
  }
}
