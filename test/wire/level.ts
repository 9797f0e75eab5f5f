import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { RecordingUpstream } from "../help/raw.ts";

/** What a process that serves nobody holds: the level that it must return to after whatever was sent. */

/** Of the program what must all be zero while nobody calls, by name. */
export type Held = () => Readonly<Record<string, number>>;

export interface Level {
  /**
   * Resolves once nothing more is held than at the start; throws what is, where that does not come to be. The app,
   * which is to have no more than `pooled` connections by then, ends them.
   */
  returned(pooled: number): Promise<void>;
}

type Connections = Pick<RecordingUpstream, "open" | "hangUp">;

/** Longer than any turn of events that follows a last byte, shorter than idle connections are kept. */
const PATIENCE_MS = 3_500;

/** The level of now, as soon as nobody is connected any more. */
export async function findLevel(held: Held = () => ({}), app?: Connections): Promise<Level> {
  const level = new Map<string, number>();
  const over = (): [string, number][] => [
    ...[...resources()].map(([kind, count]): [string, number] => [kind, count - (level.get(kind) ?? 0)]),
    ...Object.entries(held()),
  ];
  const noneOf = async (counts: () => [string, number][]): Promise<void> => {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const left = counts().filter(([, count]) => count > 0);
      if (left.length === 0) return;
      if (performance.now() > until) throw new Error(`still held: ${left.map((one) => one.join(" ")).join(", ")}`);
      await new Promise(setImmediate);
    }
  };
  app?.hangUp();
  await noneOf(() => over().filter(([what]) => !OWN.has(what)));
  for (const [kind, count] of resources()) if (OWN.has(kind)) level.set(kind, count);
  return {
    async returned(pooled) {
      await noneOf(() => (app === undefined ? [] : [["connections to the app", app.open() - pooled]]));
      app?.hangUp();
      await noneOf(over);
    },
  };
}

/** What a program has that serves nobody. */
const OWN: ReadonlySet<string> = new Set(["MessagePort", "PipeWrap", "TCPServerWrap"]);

/**
 * What keeps this process alive, by kind; but for the turns of its loop, of which this is one, and for timers, of which
 * the program and who runs the tests have some that come and go.
 */
function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== "Immediate" && kind !== "Timeout") counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** What one round may add that is nobody's: the test's own records, and what is compiled late. */
const GROWTH_BYTES = 256 * 1024;
const ROUNDS = 6;

/** Plays rounds until one adds nothing, since caches fill with the first ones; throws where each of them adds something. */
export async function holdsNoMore(round: () => Promise<void>): Promise<void> {
  const grown: number[] = [];
  let before = 0;
  while (grown.length <= ROUNDS) {
    await round();
    const now = heldBytes();
    if (now - before <= GROWTH_BYTES) return;
    grown.push(Math.round((now - before) / 1024));
    before = now;
  }
  throw new Error(`each round adds to what is held: ${grown.slice(1).join(", ")} KiB`);
}

/** Bytes that this process holds, garbage apart. */
export function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
