import { join } from "node:path";
import type { CallStore } from "../../src/core/calls.stored.ts";
import { systemClock } from "../../src/core/clock.ts";
import { openDatabase } from "../../src/storage/database.ts";
import { historySchema } from "../../src/storage/history/history.ts";

/** The history of calls in a real file, in this thread: starting another one takes longer than most tests. */
export function openCallStore(dir: string): { readonly calls: CallStore; readonly close: () => void } {
  const db = openDatabase({
    path: join(dir, "history.db"),
    schema: historySchema,
    wall: systemClock.wall,
    onFailing: (detail) => {
      throw new Error(detail);
    },
  });
  const call = async (name: string, arg: unknown): Promise<never> => {
    const [reply] = db.run([[name, structuredClone(arg)]]);
    if (!reply?.ok) throw new Error(reply?.message);
    return structuredClone(reply.value) as never;
  };
  const calls: CallStore = {
    add: (rows) => call("calls.add", rows),
    addSamples: (samples) => call("samples.add", samples),
    read: (scopes, range, stepMinutes) => call("calls.read", { scopes, range, stepMinutes }),
    sweep: (range, after) => call("calls.sweep", { range, after }),
    known: (scope) => call("calls.known", scope),
    samples: (query) => call("samples.list", query),
    roll: (hour) => call("calls.roll", hour),
    prune: (bounds) => call("calls.prune", bounds),
  };
  return { calls, close: db.close };
}
