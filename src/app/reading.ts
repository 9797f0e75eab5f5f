import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { errorText } from "../core/error.text.ts";
import type { Result } from "../core/result.ts";
import type { Extent } from "../manifest/extent.ts";
import type { LoadedManifest } from "../manifest/load.ts";
import { problemOf } from "../manifest/problem.ts";
import { type ParcelHead, type Piece, packHead, packPieces } from "./parcel.ts";
import { type Prepared, prepareSmall, type Refused, type Text } from "./prepare.ts";
import { createUnpacker, type Unpacked } from "./unpack.ts";

/**
 * Reading a manifest while requests are served: a large one in a thread that is gone afterwards, so that neither its
 * work nor what it left behind holds anyone up.
 */

/** What the thread is given. A `text` is only checked, never applied. */
export interface ReadingJob extends Text {
  /** Of the manifest in force: one of the same content is not sent. */
  readonly hash: string;
}

/** What it says first. After `parcel` it gives a piece each time it is asked, and null after the last. */
export type FirstWord = Unapplied | { readonly kind: "parcel"; readonly head: ParcelHead };

/** A manifest that changes nothing: it may not, or there is nothing to change, or it was only checked. */
type Unapplied =
  | ({ readonly kind: "refused" } & Refused)
  | ({ readonly kind: "passed" } & Pick<LoadedManifest, "files" | "warnings">);

export type Reading = Unapplied | { readonly kind: "next"; readonly unpacked: Unpacked };

/** Read in some 20 ms: less than a thread takes to start, which would also leave memory behind. */
const SMALL: Extent = { files: 16, bytes: 16 * 1024, patterns: 0, values: 2_000, routes: 128 };

/**
 * Reads for a reload: here what is small, else in the thread. `before` is the manifest in force. Never rejects but for
 * an abort.
 */
export async function readNext(job: ReadingJob, before: Unpacked, signal: AbortSignal): Promise<Reading> {
  // Where that one is large, so is its successor: it is not even begun here.
  const large = before.loaded.manifest.routes.length > SMALL.routes;
  const prepared = large ? null : prepareSmall(job, SMALL);
  if (prepared === null) return await readBeside(job, before, signal);
  const judged = judge(prepared, job);
  return judged.kind === "wanted" ? { kind: "next", unpacked: unpack(judged.prepared, before) } : judged;
}

/** For a start, when nobody is answered yet. */
export function readFirst(prepared: Prepared): Unpacked {
  return unpack(prepared, null);
}

/** Is there anything to apply? */
export function judge(
  prepared: Result<Prepared, Refused>,
  { hash, text }: ReadingJob,
): Unapplied | { readonly kind: "wanted"; readonly prepared: Prepared } {
  if (!prepared.ok) return { kind: "refused", ...prepared.error };
  const { files, warnings, hash: found } = prepared.value.loaded;
  if (found === hash || text !== undefined) return { kind: "passed", files, warnings };
  return { kind: "wanted", prepared: prepared.value };
}

function unpack(prepared: Prepared, before: Unpacked | null): Unpacked {
  const unpacker = createUnpacker(before);
  for (const piece of packPieces(prepared.loaded.manifest)) unpacker.take(piece);
  return unpacker.end(packHead(prepared));
}

/** Pieces are taken over one in a turn of the event loop. */
async function readBeside(job: ReadingJob, before: Unpacked, signal: AbortSignal): Promise<Reading> {
  const thread = spawn(job);
  const ended = new AbortController();
  thread.once("exit", () => ended.abort());
  // One that waits for a disk ends when that lets it: nobody waits for its exit.
  const stop = (): void => {
    ended.abort();
    void thread.terminate();
  };
  signal.addEventListener("abort", stop);
  const answer = async <T>(): Promise<T> => (await once(thread, "message", { signal: ended.signal }))[0] as T;
  try {
    const first = await answer<FirstWord>();
    if (first.kind !== "parcel") return first;
    const unpacker = createUnpacker(before);
    const ask = (): Promise<Piece | null> => {
      thread.postMessage(null);
      return answer();
    };
    for (let piece = await ask(); piece !== null; ) {
      // The thread makes the next one meanwhile.
      const next = ask();
      // Where this piece can't be taken, nobody is left to hear that the thread was ended.
      next.catch(() => undefined);
      unpacker.take(piece);
      piece = await next;
    }
    return { kind: "next", unpacked: unpacker.end(first.head) };
  } catch (error) {
    signal.throwIfAborted();
    // Too large for the memory there is, say: nothing of ours is harmed.
    return {
      kind: "refused",
      problems: [problemOf(job.file, `could not be read: ${errorText(error)}`)],
      files: new Map(),
    };
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/**
 * Most of what reading makes is let go of at once: with so large a nursery little of it is ever copied. Of the
 * environment it has what the job holds.
 */
function spawn(job: ReadingJob): Worker {
  const { pathname } = new URL(import.meta.url);
  const program = new URL(`./reading.thread${extname(pathname)}`, import.meta.url);
  const resourceLimits = { maxYoungGenerationSizeMb: 96 };
  return new Worker(program, { name: "outrigger manifest", workerData: job, env: {}, execArgv: [], resourceLimits });
}
