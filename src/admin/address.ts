import { readFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ownerOf } from "../storage/owner.ts";

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

/**
 * Null where none runs that this user could ask. Who was killed leaves its address, and both its number and its port may
 * be another's by now, who must not be sent a token: so it is that of the directory's owner or nobody's, on this machine.
 */
export function readAddress(dataDir: string): string | null {
  let text: string;
  try {
    text = readFileSync(join(dataDir, ADDRESS_FILE), "utf8");
  } catch {
    return null;
  }
  const [, pid, address] = /^([1-9]\d*) (\S+)\n$/.exec(text) ?? [];
  return address !== undefined && HERE.test(address) && ownerOf(dataDir) === Number(pid) ? address : null;
}

/** A socket file, loopback, or all addresses, which are reached by loopback. */
const HERE = /^(unix:\/.+|(localhost|127(\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\]):\d{1,5})$/;
