import { promisify } from "node:util";
import { inflateRaw, inflateRawSync } from "node:zlib";
import type { History } from "../storage/storage.ts";
import type { Applied } from "./manifests.ts";
import type { Shown } from "./parcel.ts";

/** Manifests as they are shown, of now and of before. */

const inflate = promisify(inflateRaw);
/** Each chunk is a turn of the event loop, and of 16 KiB there would be hundreds. */
const INFLATED_AT_ONCE = 1024 * 1024;

/** In characters. Smaller ones are stored as they are, so that whoever opens the file can read them. */
const SMALL = 64 * 1024;

/** As JSON text, secrets as `***`. */
export async function textOf({ deflated, length }: Shown): Promise<string> {
  if (length <= SMALL) return inflateRawSync(deflated).toString();
  return (await inflate(deflated, { chunkSize: INFLATED_AT_ONCE })).toString();
}

/** What is stored of a large one begins so, and goes on in base64: JSON begins with a brace. */
const DEFLATED = "deflated ";

export type ToKeep = Pick<Applied, "loaded" | "shown" | "at" | "by">;

/** Keeps a manifest that is applied, and returns its number. */
export async function keepRevision(
  history: Pick<History, "addRevision">,
  { loaded, shown, at, by }: ToKeep,
): Promise<number> {
  const { hash, files } = loaded;
  const large = shown.length > SMALL;
  const manifest = large ? DEFLATED + Buffer.from(shown.deflated).toString("base64") : await textOf(shown);
  try {
    return await history.addRevision({ hash, at, by, files: files.size, bytes: shown.length, manifest });
  } catch {
    // History failing must not keep a good manifest from being applied: it then bears the number 0.
    return 0;
  }
}

/** What a revision resolved to, as JSON text; null for one that is unknown, or too old to be kept. */
export async function manifestOf(history: Pick<History, "manifestOf">, revision: number): Promise<string | null> {
  const stored = await history.manifestOf(revision);
  if (stored === null || !stored.startsWith(DEFLATED)) return stored;
  const deflated = new Uint8Array(Buffer.from(stored.slice(DEFLATED.length), "base64"));
  return await textOf({ deflated, length: Number.POSITIVE_INFINITY });
}
