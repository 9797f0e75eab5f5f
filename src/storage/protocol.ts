import type { Command, Reply } from "./database.ts";
import type { StorageCode } from "./error.ts";

/**
 * What the two threads say to each other. Commands are answered in the order they were sent, so replies carry no
 * numbers: the n-th reply belongs to the n-th command, however they were packed into messages.
 */

export type ToThread =
  | { readonly kind: "batch"; readonly commands: readonly Command[] }
  | { readonly kind: "backup"; readonly store: string; readonly path: string }
  /** Everything before is answered first. */
  | { readonly kind: "close" };

export type FromThread =
  | { readonly kind: "opened" }
  /** A damaged file is read out before it is opened: that may take minutes. */
  | { readonly kind: "recovering" }
  /** It could not start; the thread then ends. */
  | { readonly kind: "refused"; readonly code: StorageCode; readonly message: string }
  | { readonly kind: "replies"; readonly replies: readonly Reply[]; readonly commit: Commit | null }
  | { readonly kind: "backup"; readonly path: string; readonly error: string | null }
  /** An operator must know: becomes the event `storage.failing`. `replaced`: the file was damaged, and is another now. */
  | { readonly kind: "failing"; readonly store: string; readonly detail: string; readonly replaced: boolean };

/** One commit of the spool: how long it took, and how many jobs were put in it. */
export interface Commit {
  readonly ms: number;
  readonly jobs: number;
}

export interface ThreadOptions {
  readonly dataDir: string;
}
