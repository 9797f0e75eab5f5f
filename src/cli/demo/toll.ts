import type { Seen } from "./caller.ts";
import type { Load, Timed } from "./load.ts";
import type { Account } from "./moves.ts";
import { msText, type Narrator, speed } from "./narrator.ts";
import { allOf, answeredInTime, type Promised, tally } from "./score.ts";

/** What the faults of a primary cost its callers, told as it is seen, and summed up at the end. */

const SLOW_MS = 1_000;

/** A fault that is over. */
export interface Over extends Account {
  readonly name: string;
  readonly calls: readonly Timed[];
}

export function tellMove(say: Narrator, { firstMs, movedMs, allMs, reason }: Account): void {
  say.row("traffic has moved", reason, after(movedMs));
  say.row("the backup answers", "the first call", after(firstMs));
  say.row("", "all, and none waits any more", after(allMs));
}

export function tellCalls(say: Narrator, label: string, calls: readonly Timed[]): void {
  const seen = seenOf(calls);
  say.row(label, `${tally(seen).ok} ok, ${failedIn(calls)} failed`, speed(seen));
  say.row("", `${slowIn(calls)} slower than ${SLOW_MS / 1000} s`);
}

export function promisesOf({ calls }: Load, overs: readonly Over[]): readonly Promised[] {
  const once = overs.filter(({ failovers, failbacks }) => failovers === 1 && failbacks === 1);
  return [
    {
      what: "no call failed",
      measured: `${failedIn(calls)} of ${calls.length} failed`,
      held: calls.length > 0 && failedIn(calls) === 0,
    },
    answeredInTime([{ name: "all", seen: seenOf(calls) }]),
    allOf("faults after which traffic moved once, and back once", once.length, overs.length),
    allOf("… and calls then answered by the primary", sum(overs, "sinceByPrimary"), sum(overs, "since")),
  ];
}

export function sumUp(say: Narrator, overs: readonly Over[], promised: readonly Promised[]): void {
  say.line("\nWhat the callers saw; how long it took, from the fault, and from its end");
  say.table(
    ["", "calls", "failed", `over ${SLOW_MS / 1000} s`, "slowest", "backup first", "all", "back after"],
    overs.map(({ name, calls, firstMs, allMs, backMs }) => [
      name,
      ...[calls.length, failedIn(calls), slowIn(calls)].map(String),
      msText(tally(seenOf(calls)).slowestMs),
      ...[firstMs, allMs].map((ms) => (ms === null ? "–" : msText(ms))),
      backMs === null ? "–" : `${(backMs / 1000).toFixed(1)} s`,
    ]),
  );
  say.line("\nWhat was promised");
  say.promises(promised);
}

export function seenOf(calls: readonly Timed[]): readonly Seen[] {
  return calls.map(({ seen }) => seen);
}

function failedIn(calls: readonly Timed[]): number {
  return calls.length - tally(seenOf(calls)).ok;
}

function slowIn(calls: readonly Timed[]): number {
  return calls.filter(({ seen }) => seen.ms > SLOW_MS).length;
}

export function after(ms: number | null): string {
  return ms === null ? "did not come" : `after ${ms < 10_000 ? msText(ms) : `${(ms / 1000).toFixed(1)} s`}`;
}

function sum(overs: readonly Over[], what: "since" | "sinceByPrimary"): number {
  return overs.reduce((total, over) => total + over[what], 0);
}

export function timesText(times: number): string {
  return times === 1 ? "once" : `${times} times`;
}
