import { readFileSync } from "node:fs";
import { err, ok, type Result } from "../core/result.ts";
import type { ListenSettings } from "../core/settings.ts";
import { tlsProblem } from "../upstream/tls.ts";

/** What the files of `listen.tls` hold, in PEM, found good. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Who signs the certificates that callers must then show. */
  readonly ca?: string;
}

/**
 * Reads the files and proves that they can be used: a certificate and a key that do not belong together are as wrong
 * as a missing one, and must be known before a running listener takes them over.
 */
export function readServerTls(tls: ListenSettings["tls"]): Result<ServerTls | null, string> {
  if (tls === null) return ok(null);
  try {
    const read: ServerTls = {
      cert: readFileSync(tls.cert, "utf8"),
      key: readFileSync(tls.key, "utf8"),
      ...(tls.clientCa === null ? {} : { ca: readFileSync(tls.clientCa, "utf8") }),
    };
    const problem = tlsProblem(read);
    return problem === null ? ok(read) : err(`certificate, key and client_ca can't be used: ${problem}`);
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}
