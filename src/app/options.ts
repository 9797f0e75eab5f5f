import type { LookupFunction } from "node:net";
import type { Clock } from "../core/clock.ts";
import type { EventBus, Listener } from "../core/events.ts";
import type { Random } from "../core/random.ts";
import type { Result } from "../core/result.ts";
import type { ManifestWatch } from "../manifest/watch.ts";
import type { LogLevel } from "../observe/log.ts";
import type { Manifests } from "./manifests.ts";

/** What the program is started with, and what it is once it runs. */

export interface AppOptions {
  /** The manifest's file, absolute. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly build: { readonly version: string; readonly node: string };
  readonly clock: Clock;
  readonly random: Random;
  /** Resolves the names of upstreams and channels; the system's resolver unless given. */
  readonly lookup?: LookupFunction;
  /** Where the log goes: a file descriptor (1 is stdout) or a path. */
  readonly logTo: number | string;
  /** How long a stopping process goes on accepting, so that whoever routes to it can notice. */
  readonly lingerMs: number;
  /** Hears of all that happens, also of what happens before the start is over. */
  readonly onEvent?: Listener;
}

/** The same on its way. */
export interface StartOptions extends AppOptions {
  readonly level: LogLevel;
  /** Watches these files from now on, instead of those before. */
  readonly watch: Pick<ManifestWatch, "hold" | "update" | "again">;
}

/** The running process. */
export interface App {
  /** Where it listens, as bound. */
  readonly proxy: string;
  readonly admin: string;
  readonly manifests: Manifests;
  readonly bus: EventBus;
  /** Callers connected now. */
  connections(): number;
  /** Requests without their end yet. */
  inFlight(): number;
  /** Bytes of bodies held now. */
  heldBytes(): number;
  /** Resolves when requests may come; while it has not, `waits` says what for. */
  readonly ready: Promise<void>;
  waits(): readonly string[];
  reload(by: string): Promise<Result<unknown, readonly string[]>>;
  /** Stops in order: readiness off, a last while of accepting, drain, abort what is left, close the stores. */
  stop(): Promise<void>;
  /** For the process edge: logs the error of which the process is about to die, and gives it as text for stderr. */
  crashed(error: unknown): string;
  /** For the process edge: writes out what of the log is held, wherever the process ends. */
  flushLog(): void;
}
