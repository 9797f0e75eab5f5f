import type { History } from "../storage/storage.ts";
import type { Applied } from "./manifests.ts";

/** Keeps a manifest that is applied, and returns its number. */
export async function keepRevision(
  history: Pick<History, "addRevision">,
  applied: Pick<Applied, "loaded" | "at" | "by">,
): Promise<number> {
  const { loaded, at, by } = applied;
  const manifest = await loaded.masked();
  try {
    const { hash, files } = loaded;
    return await history.addRevision({ hash, at, by, files: files.size, bytes: manifest.length, manifest });
  } catch {
    // History failing must not keep a good manifest from being applied: it then bears the number 0.
    return 0;
  }
}
