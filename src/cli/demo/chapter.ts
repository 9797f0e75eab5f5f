import type { Clock } from "../../core/clock.ts";
import type { Random } from "../../core/random.ts";
import type { Io } from "../command.ts";
import type { Narrator } from "./narrator.ts";
import type { DemoRedis } from "./redis.ts";
import type { Promised } from "./score.ts";
import type { Sidecar } from "./sidecar.ts";
import type { ToyApp } from "./toy.ts";

/** What a chapter plays with. All that it starts here ends with the demo, whatever becomes of the chapter. */
export interface Stage {
  readonly clock: Clock;
  readonly random: Random;
  readonly say: Narrator;
  /** Aborted when the demo ends early: the person's wish, or something that it started died. */
  readonly signal: AbortSignal;
  /** Starts a toy app in its own process, at `port` (0: a free one). */
  toyApp(secret: string, port?: number): Promise<ToyApp>;
  /**
   * Writes the manifest into the demo's own directory and starts Outrigger with it, in its own process. Once the last
   * one of a name is gone, the next of that name has the same data directory.
   */
  sidecar(manifest: string, name?: string): Promise<Sidecar>;
  /** Starts a Redis, empty, that has every write on the disk before it answers. */
  redis(): Promise<DemoRedis>;
}

/** What is left when a chapter has been played. */
export interface Played {
  /** What was promised, and whether it held: one broken promise makes the demo fail. */
  readonly promised: readonly Promised[];
  readonly sidecar: Sidecar;
  /** Commands of this chapter's own for looking around, as one types them; `outrigger` is said as it is called here. */
  readonly look: readonly string[];
  /** One call of a gentle load, for as long as the person looks around afterwards. */
  readonly keepOn: () => Promise<unknown>;
}

/** One story, a file each in `chapters/`. */
export interface Chapter {
  /** What this machine lacks for it and how to get that, for people; null where it has all. */
  missing?(env: Io["env"]): string | null;
  play(stage: Stage): Promise<Played>;
}
