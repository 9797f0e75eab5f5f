import { type Clock, systemClock } from "../core/clock.ts";
import type { Extent } from "../manifest/extent.ts";
import { packHead, packPieces, packTail } from "./parcel.ts";
import { type Prepared, prepareSmall } from "./prepare.ts";
import { readBeside } from "./reading.beside.ts";
import { judge, type ReadingJob, type Refusal, type Unapplied } from "./reading.judge.ts";
import { type Complete, createUnpacker, type Told, toldOf, type Unpacked } from "./unpack.ts";

/**
 * Reading a manifest while requests are served: a large one in a process that is gone afterwards, so that neither its
 * work nor what it left behind holds anyone up.
 */

export type Reading = Unapplied | Next;

/** A manifest that may be applied. */
export interface Next {
  readonly kind: "next";
  readonly unpacked: Unpacked;
  /**
   * Comes while plans are made. A refusal where whoever read it failed in the end: nothing may come of what was made by
   * then. Rejects for an abort and for nothing else.
   */
  readonly told: Promise<Told | Refusal>;
}

/** Read in some 20 ms: much less than a process takes to start. */
const SMALL: Extent = { files: 16, bytes: 16 * 1024, patterns: 0, values: 2_000, routes: 128 };

/**
 * Reads for a reload: here what is small, else beside. `before` is the manifest in force. Never rejects but for an
 * abort.
 */
export async function readNext(
  job: ReadingJob,
  before: Unpacked,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<Reading> {
  // Where that one is large, so is its successor: it is not even begun here.
  const large = before.loaded.manifest.routes.length > SMALL.routes;
  const prepared = large ? null : prepareSmall(job, SMALL);
  if (prepared === null) return await readBeside(job, before, signal, clock);
  const judged = judge(prepared, job);
  if (judged.kind !== "wanted") return judged;
  const unpacked = unpack(judged.prepared, before);
  return { kind: "next", unpacked, told: Promise.resolve(unpacked) };
}

/** For a start, when nobody is answered yet. */
export function readFirst(prepared: Prepared): Complete {
  return unpack(prepared, null);
}

function unpack(prepared: Prepared, before: Unpacked | null): Complete {
  const unpacker = createUnpacker(before);
  for (const piece of packPieces(prepared.loaded.manifest)) unpacker.take(piece);
  const unpacked = unpacker.end(packHead(prepared));
  return { ...unpacked, ...toldOf(packTail(prepared), unpacked.loaded) };
}
