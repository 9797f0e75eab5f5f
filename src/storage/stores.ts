import type { AlertStore } from "../core/alert.ts";
import type { CallStore } from "../core/calls.stored.ts";
import type { HistoryCommands } from "./history/history.ts";

/** Parts of `history.db` as those see them who use them: each call is a command of the storage thread. */

/** The commands' own types say what each name takes and gives. */
export type Call = <N extends keyof HistoryCommands>(
  name: N,
  arg: Parameters<HistoryCommands[N]>[0] extends undefined ? null : Parameters<HistoryCommands[N]>[0],
) => Promise<ReturnType<HistoryCommands[N]>>;

export function callStore(call: Call): CallStore {
  return {
    add: (rows) => call("calls.add", rows),
    addSamples: (samples) => call("samples.add", samples),
    read: (scopes, range, stepMinutes) => call("calls.read", { scopes, range, stepMinutes }),
    sweep: (range, after) => call("calls.sweep", { range, after }),
    known: (scope) => call("calls.known", scope),
    samples: (query) => call("samples.list", query),
    roll: (hour) => call("calls.roll", hour),
    prune: (bounds) => call("calls.prune", bounds),
  };
}

export function alertStore(call: Call): AlertStore {
  return {
    load: () => call("alerts.load", null),
    save: (changes) => call("alerts.save", changes),
    rules: () => call("alerts.rules", null),
    setRules: (rules) => call("alerts.setRules", rules),
  };
}
