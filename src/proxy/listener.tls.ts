import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { err, ok, type Result } from "../core/result.ts";
import type { ListenSettings } from "../core/settings.ts";

/** What the files of `listen.tls` hold, found good. */
export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Who signs the certificates that callers must then show. */
  readonly ca?: Buffer;
}

/**
 * Reads the files and proves that they can be used: a certificate and a key that do not belong together are as wrong
 * as a missing one, and must be known before a running listener takes them over.
 */
export function readServerTls(tls: ListenSettings["tls"]): Result<ServerTls | null, string> {
  if (tls === null) return ok(null);
  try {
    const read: ServerTls = {
      cert: readFileSync(tls.cert),
      key: readFileSync(tls.key),
      ...(tls.clientCa === null ? {} : { ca: readFileSync(tls.clientCa) }),
    };
    createSecureContext({ ...read });
    return ok(read);
  } catch (error) {
    return err(`certificate, key and client_ca can't be used: ${error instanceof Error ? error.message : error}`);
  }
}
