import { readFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Where the admin listener of a running sidecar is, in its data directory: what the manifest says may be any free port,
 * or may have been changed since the start.
 */
export const ADDRESS_FILE = "admin-address";

/** Kept until {@link dropAddress}, for its owner only. `address` as bound: `host:port` or `unix:/path`. */
export async function noteAddress(dataDir: string, address: string): Promise<void> {
  const file = join(dataDir, ADDRESS_FILE);
  const fresh = `${file}.${process.pid}.new`;
  await writeFile(fresh, `${process.pid} ${address}\n`, { mode: 0o600 });
  await rename(fresh, file);
}

export function dropAddress(dataDir: string): Promise<void> {
  return rm(join(dataDir, ADDRESS_FILE), { force: true });
}

/** Null where none runs that this user could ask: who was killed leaves its address, which may be another's by now. */
export function readAddress(dataDir: string): string | null {
  let text: string;
  try {
    text = readFileSync(join(dataDir, ADDRESS_FILE), "utf8");
  } catch {
    return null;
  }
  const [, pid, address] = /^([1-9]\d*) (\S+)\n$/.exec(text) ?? [];
  return address !== undefined && runs(Number(pid)) ? address : null;
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
