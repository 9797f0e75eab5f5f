import { constants } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Random } from "../core/random.ts";
import type { Address } from "../core/settings.ts";
import { isLocalAddress } from "./hosts.ts";

/** The file in the data directory where the command line finds the token. */
export const TOKEN_FILE = "admin-token";

/** 32 random bytes in base64url. */
const MADE_TOKEN = /^[A-Za-z0-9_-]{43}$/;

/**
 * Why this listener may not be opened with no token configured, or null. A made-up token in a file on this machine
 * is no help to whoever comes over the network, and what is reachable there should be a decision.
 */
export function refuseOpenAdmin(listen: Address, configuredTokens: number): string | null {
  if (configuredTokens > 0 || isLocalAddress(listen)) return null;
  const where = listen.kind === "tcp" ? `${listen.host}:${listen.port}` : listen.path;
  return (
    `listen.admin: ${where} can be reached from other machines, and no admin token is configured. ` +
    "Set OUTRIGGER_ADMIN_TOKEN or admin.tokens, or listen on 127.0.0.1"
  );
}

export interface MadeToken {
  /** Absolute. */
  readonly file: string;
  readonly token: string;
}

/**
 * The token for a service that has none configured: the one in `dataDir/admin-token`, or a new one put there. The
 * file is for its owner only (0600); one that others could read, or that holds something else, is replaced.
 */
export async function ensureAdminToken(dataDir: string, random: Random): Promise<MadeToken> {
  const file = join(dataDir, TOKEN_FILE);
  const kept = await readAdminToken(file);
  if (kept !== null) return { file, token: kept };
  const token = random.bytes(32).toString("base64url");
  await mkdir(dataDir, { recursive: true });
  const fresh = `${file}.${process.pid}.new`;
  const handle = await open(fresh, "w", 0o600);
  try {
    // An older file of that name keeps its mode.
    await handle.chmod(0o600);
    await handle.writeFile(`${token}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
  return { file, token };
}

/** The token in `file`, or null where there is none that is well-formed and private. Follows no symbolic link. */
async function readAdminToken(file: string): Promise<string | null> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ELOOP") return null;
    throw error;
  }
  try {
    const { mode, size } = await handle.stat();
    const isPrivateFile = (mode & constants.S_IFMT) === constants.S_IFREG && (mode & 0o077) === 0;
    if (!isPrivateFile || size > 1024) return null;
    const text = (await handle.readFile("utf8")).trim();
    return MADE_TOKEN.test(text) ? text : null;
  } finally {
    await handle.close();
  }
}
