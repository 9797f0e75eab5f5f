import { closeSync, fsyncSync, openSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { spread } from "./statistics.ts";
import { number } from "./table.ts";

/** By the number that the kernel gives them (statfs(2)). */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, "ext4"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0x794c7630, "overlayfs"],
  [0x01021994, "tmpfs (an fsync there costs nothing)"],
]);
const WRITES = 100;

/** What keeping a thing safely costs in `folder`: the file system, and one fsync after 4 KiB. */
export function diskNote(folder: string): string {
  const type = statfsSync(folder).type;
  const file = openSync(join(folder, "fsync-probe"), "w");
  const block = Buffer.alloc(4096, "x");
  const times: number[] = [];
  for (let i = 0; i < WRITES; i++) {
    writeSync(file, block);
    const from = performance.now();
    fsyncSync(file);
    times.push(performance.now() - from);
  }
  closeSync(file);
  const { median, max } = spread(times);
  const name = FILE_SYSTEMS.get(type) ?? `file system 0x${type.toString(16)}`;
  return `Data on ${name}; one fsync after 4 KiB there: median ${number(median, 2)} ms, at most ${number(max, 2)} ms.`;
}
