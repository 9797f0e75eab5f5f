import { readFileSync } from "node:fs";
import { err, ok, type Result } from "../core/result.ts";
import type { ClientTls } from "../core/settings.ts";
import type { TlsMaterial } from "../upstream/connect.ts";
import { tlsProblem } from "../upstream/tls.ts";

/** Reads the files of an app's `tls` block and proves that they can be used; the error says what is wrong with them. */
export function readTls(tls: ClientTls | null): Result<TlsMaterial | null, string> {
  if (tls === null) return ok(null);
  try {
    const read = (path: string | null): string | null => (path === null ? null : readFileSync(path, "utf8"));
    const material = { ca: read(tls.ca), cert: read(tls.cert), key: read(tls.key), serverName: tls.serverName };
    const problem = tlsProblem(material);
    return problem === null ? ok(material) : err(`ca, cert and key can't be used: ${problem}`);
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}
