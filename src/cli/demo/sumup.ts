import { msText, type Narrator } from "./narrator.ts";
import { type Promised, type Scene, tally } from "./score.ts";

/** The end of a chapter: every call in a table, scene by scene, then every promise. */
export function sumUp(say: Narrator, scenes: readonly Scene[], promised: readonly Promised[]): void {
  say.line("\nWhat the callers saw");
  const all = { name: "all", seen: scenes.flatMap(({ seen }) => seen) };
  say.table(
    ["", "calls", "in time", "ok", "declined", "fallback", "failed", "slowest"],
    [...scenes, all].map(({ name, seen }) => {
      const { calls, inTime, ok, declined, fallback, failed, slowestMs } = tally(seen);
      return [name, ...[calls, inTime, ok, declined, fallback, failed].map(String), msText(slowestMs)];
    }),
  );
  say.line("\nWhat was promised");
  say.promises(promised);
}
