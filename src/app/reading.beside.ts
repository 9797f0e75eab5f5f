import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/error.text.ts";
import type { ParcelHead, ParcelTail, Piece } from "./parcel.ts";
import { type ReadingJob, type Refusal, type Unapplied, unreadable } from "./reading.judge.ts";
import type { Next } from "./reading.ts";
import { createUnpacker, toldOf, type Unpacked } from "./unpack.ts";

/**
 * A manifest that is read in a process of its own. A thread would do as well but for two things: the engine's helpers
 * that compile and collect for it are those of all threads, so that no priority keeps them from taking the cores from
 * requests; and what the allocator took for it is not given back when it ends.
 */

/** What the process says first. After `parcel` it gives a piece each time it is asked, null after the last, then the tail. */
export type FirstWord = Unapplied | { readonly kind: "parcel"; readonly head: ParcelHead };

/** Pieces are taken over one in a turn of the event loop. Rejects for an abort and for nothing else. */
export async function readBeside(
  job: ReadingJob,
  before: Unpacked,
  signal: AbortSignal,
  clock: Clock,
): Promise<Unapplied | Next> {
  signal.throwIfAborted();
  let reader: Reader | null = null;
  let goesOn = false;
  const stop = (): void => reader?.end();
  const end = (): void => {
    signal.removeEventListener("abort", stop);
    stop();
  };
  signal.addEventListener("abort", stop);
  try {
    reader = startReader(job, clock);
    const first = await reader.ask<FirstWord>(job);
    if (first.kind !== "parcel") return first;
    const unpacked = await takeOver(reader, first.head, before);
    goesOn = true;
    const told = reader.ask<ParcelTail>(NEXT).then(
      (tail) => toldOf(tail, unpacked.loaded),
      (error: unknown) => refusalOf(error, job, signal),
    );
    return { kind: "next", unpacked, told: unheard(told.finally(end)) };
  } catch (error) {
    return refusalOf(error, job, signal);
  } finally {
    if (!goesOn) end();
  }
}

async function takeOver({ ask }: Reader, head: ParcelHead, before: Unpacked): Promise<Unpacked> {
  const unpacker = createUnpacker(before);
  for (let piece = await ask<Piece | null>(NEXT); piece !== null; ) {
    // The process makes the next one meanwhile.
    const next = unheard(ask<Piece | null>(NEXT));
    unpacker.take(piece);
    piece = await next;
  }
  return unpacker.end(head);
}

/** Where a piece can't be taken, or the reload is given up, nobody is left to hear that the process was ended. */
function unheard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** Too large for the memory there is, say. */
function refusalOf(error: unknown, job: ReadingJob, signal: AbortSignal): Refusal {
  signal.throwIfAborted();
  return unreadable(job, errorText(error));
}

const NEXT = "next";

/** A hundred thousand routes take a fifth of it. A disk that never answers must not keep all reloads after it waiting. */
const LONGEST_MS = 60_000;

/** What a verdict about keys and certificates may depend on, and what Node itself may need to start. */
const PASSED_ON = ["OPENSSL_CONF", "OPENSSL_MODULES", "SSL_CERT_DIR", "SSL_CERT_FILE", "LD_LIBRARY_PATH", "TZ"];

const PROGRAM = fileURLToPath(
  new URL(`./reading.program${extname(new URL(import.meta.url).pathname)}`, import.meta.url),
);
/** It names the files that it is made of by their contents. */
const textOfProgram = (): string => readFileSync(PROGRAM, "utf8");
const TEXT_AT_START = textOfProgram();

/** After an upgrade on the disk it would be that of another release, which may call things otherwise. */
function checkProgram(): void {
  let text: string | null = null;
  try {
    text = textOfProgram();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw told((error as Error).message);
  }
  if (text !== TEXT_AT_START)
    throw told("another release of outrigger was installed since this one started: restart it");
}

// Where it was noticed tells nobody anything.
const told = (why: string): Error => Object.assign(new Error(why), { stack: undefined });

interface Reader {
  /** One question at a time. Rejects once the process is gone. */
  ask<T>(question: ReadingJob | typeof NEXT): Promise<T>;
  /** Nobody waits until it is gone: one that waits for a disk ends when that lets it. */
  end(): void;
}

/** The environment of the manifest comes with the job. */
function startReader({ env }: ReadingJob, clock: Clock): Reader {
  checkProgram();
  const child = fork(PROGRAM, [], {
    serialization: "advanced",
    execArgv: [],
    env: Object.fromEntries(PASSED_ON.map((name) => [name, env[name]])),
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  standBack(child);
  let waiting = Promise.withResolvers<unknown>();
  let over: Error | null = null;
  const fail = (why: string): void => {
    over ??= told(why);
    waiting.promise.catch(() => undefined);
    waiting.reject(over);
  };
  const late = clock.after(LONGEST_MS, fail, `its process has not done it within ${LONGEST_MS / 1000} s`);
  child.on("message", (word) => waiting.resolve(word));
  child.on("error", ({ message }) => fail(`its process failed (${message})`));
  child.once("exit", (code, signal) =>
    fail(
      signal === null
        ? `its process ended (exit code ${code})`
        : `its process ended (${signal}): is there memory for it?`,
    ),
  );
  return {
    ask<T>(question: ReadingJob | typeof NEXT): Promise<T> {
      waiting = Promise.withResolvers();
      if (over !== null) fail(over.message);
      // It has none where there was no file left for its channel: `error` says so.
      const { send } = child as Partial<ChildProcess>;
      send?.call(child, question);
      return waiting.promise as Promise<T>;
    },
    end() {
      clock.cancel(late);
      fail("it was given up");
      child.kill("SIGKILL");
      child.unref();
      child.channel?.unref();
    },
  };
}

/**
 * Where there is no core for all, calls come first. On Linux that is the priority of one thread, and others have it of
 * the one that starts them: so before the engine has started its helpers.
 */
function standBack({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox forbids it: then they share.
  }
}
