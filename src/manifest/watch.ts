import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { Clock, Timer } from "../core/clock.ts";
import { stateOf } from "./files.ts";

export interface WatchOptions {
  readonly clock: Clock;
  /** Changes within this are one: editors write, rename and touch. Default 200. */
  readonly debounceMs?: number;
  /** How often to look without being told: for missing directories, network disks, exhausted watches. Default 5000. */
  readonly pollMs?: number;
}

export interface ManifestWatch extends Disposable {
  /** A reading begins, which sees for itself what has changed so far: nothing is told until `update` says what it saw. */
  hold(): void;
  /**
   * Watches these instead: a new manifest may include other files. `read` has what each led to before it was read, so
   * that what changed since then is news, and what was read already is none; `others` were not read this time.
   */
  update(read: ReadonlyMap<string, string>, others?: Iterable<string>): void;
  /** Whoever read it failed, so the manifest may be a good one: tells of it again, each time later, until a file changes. */
  again(): void;
  stop(): void;
}

/** The last holds for all that follow. */
const AGAIN_MS = [1_000, 5_000, 30_000, 60_000];

/**
 * Calls `onChange` after any of `files` (or directories) changed, came or went. What is watched are the directories:
 * editors replace a file by renaming, and a Kubernetes ConfigMap swaps a symlink beside it. A notice from the system
 * only hastens the comparison of what the paths lead to, so a missed one is made up for and a false one does nothing.
 */
export function watchManifest(files: readonly string[], onChange: () => void, options: WatchOptions): ManifestWatch {
  const { clock, debounceMs = 200, pollMs = 5000 } = options;
  const watchers = new Map<string, FSWatcher>();
  let wanted = files;
  let known = statesOf(wanted);
  let soon: Timer | null = null;
  let later: Timer | null = null;
  let again: Timer | null = null;
  let failures = 0;
  let held = false;
  let stopped = false;

  const compare = (): void => {
    if (soon) clock.cancel(soon);
    soon = null;
    if (held) return;
    arm();
    const now = statesOf(wanted);
    if (!differ(known, now)) return;
    known = now;
    failures = 0;
    onChange();
  };
  const noticed = (): void => {
    if (stopped) return;
    if (soon) clock.cancel(soon);
    soon = clock.after(debounceMs, compare, undefined);
  };
  const arm = (): void => {
    const directories = new Set(wanted.flatMap((path) => [dirname(path), path]).filter(isDirectory));
    for (const [path, watcher] of watchers) {
      if (directories.has(path)) continue;
      watcher.close();
      watchers.delete(path);
    }
    for (const path of directories) if (!watchers.has(path)) open(path);
  };
  const open = (path: string): void => {
    try {
      const watcher = watch(path, { persistent: false }, noticed);
      const lost = (): void => {
        watcher.close();
        // The next comparison opens it again, if the directory is still there.
        if (watchers.get(path) === watcher) watchers.delete(path);
      };
      watcher.on("error", lost);
      // A directory that is itself replaced is said so by its own name; the old watch would look at the old one.
      watcher.on("change", (event, name) => {
        if (event === "rename" && name !== null && path.endsWith(`/${String(name)}`)) lost();
      });
      watchers.set(path, watcher);
    } catch {
      // Not allowed, or no watches left: polling still sees every change.
    }
  };
  const poll = (): void => {
    if (stopped) return;
    if (soon === null && differ(known, statesOf(wanted))) noticed();
    later = clock.after(pollMs, poll, undefined);
  };
  const stop = (): void => {
    stopped = true;
    for (const timer of [soon, later, again]) if (timer) clock.cancel(timer);
    for (const watcher of watchers.values()) watcher.close();
    watchers.clear();
  };

  arm();
  later = clock.after(pollMs, poll, undefined);
  return {
    hold() {
      held = true;
      if (again) clock.cancel(again);
      again = null;
    },
    again() {
      if (stopped) return;
      held = false;
      noticed();
      if (again) clock.cancel(again);
      again = clock.after(AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)] as number, onChange, undefined);
    },
    update(read, others = []) {
      if (stopped) return;
      held = false;
      const unread = [...others].map((path) => [path, known.get(path) ?? stateOf(path)] as const);
      known = new Map([...unread, ...read]);
      wanted = [...known.keys()];
      arm();
      noticed();
    },
    stop,
    [Symbol.dispose]: stop,
  };
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

type States = ReadonlyMap<string, string>;

function statesOf(paths: readonly string[]): States {
  return new Map(paths.map((path) => [path, stateOf(path)]));
}

function differ(before: States, now: States): boolean {
  return [...now].some(([path, state]) => before.get(path) !== state);
}
