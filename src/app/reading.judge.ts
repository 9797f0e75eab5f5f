import type { Result } from "../core/result.ts";
import type { LoadedManifest } from "../manifest/load.ts";
import { problemOf } from "../manifest/problem.ts";
import type { Prepared, Refused, Text } from "./prepare.ts";

/** What the reader is given. A `text` is only checked, never applied. */
export interface ReadingJob extends Text {
  /** Of the manifest in force: one of the same content is not sent. */
  readonly hash: string;
}

export interface Refusal extends Pick<Refused, "problems"> {
  readonly kind: "refused";
  /** Null where whoever read it failed: it may be a good one. */
  readonly files: Refused["files"] | null;
}

/** A manifest that changes nothing: it may not, or there is nothing to change, or it was only checked. */
export type Unapplied = Refusal | ({ readonly kind: "passed" } & Pick<LoadedManifest, "files" | "warnings">);

/** Is there anything to apply? */
export function judge(
  prepared: Result<Prepared, Refused>,
  { hash, text }: Pick<ReadingJob, "hash" | "text">,
): Unapplied | { readonly kind: "wanted"; readonly prepared: Prepared } {
  if (!prepared.ok) return { kind: "refused", ...prepared.error };
  const { files, warnings, hash: found } = prepared.value.loaded;
  if (found === hash || text !== undefined) return { kind: "passed", files, warnings };
  return { kind: "wanted", prepared: prepared.value };
}

/** Nothing is known of the manifest, since whoever read it failed. Nothing of ours is harmed. */
export function unreadable({ file }: Pick<ReadingJob, "file">, why: string): Refusal {
  return { kind: "refused", problems: [problemOf(file, `could not be read: ${why}`)], files: null };
}
