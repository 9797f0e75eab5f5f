import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { CallService } from "../../src/admin/services.calls.ts";
import { emptyTally, statsOf } from "../../src/core/calls.ts";
import type { RequestCompleted } from "../../src/core/events.ts";
import { type CallHistory, createCallHistory } from "../../src/observe/calls.ts";
import { openCallStore } from "./call-store.ts";
import { QUIZ_WINNER, requestCompleted } from "./events.ts";
import type { ManualClock } from "./manual-clock.ts";
import { createSeededRandom } from "./seeded-random.ts";

/** A history in which nothing happened. */
export function emptyCalls(): CallService {
  const nothing = statsOf(emptyTally());
  return {
    series: async (scopes, query) => scopes.map((scope) => ({ ...scope, ...query, total: nothing, points: [] })),
    known: async () => false,
    samples: async () => ({ items: [], next: null }),
  };
}

/** One over a real file, gone with the test, and a way to make calls of `app/capability`. */
export function testCalls(clock: ManualClock): {
  readonly calls: CallHistory;
  called(route: string, given?: Partial<RequestCompleted>, times?: number): void;
} {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-calls-"));
  const { calls: store, close } = openCallStore(dir);
  onTestFinished(() => {
    close();
    rmSync(dir, { recursive: true });
  });
  const settings = { retainMs: 90 * 86_400_000, samples: "all", samplesRate: 1000, maxBytes: 2 ** 40 } as const;
  const calls = createCallHistory({ clock, random: createSeededRandom(5), store, settings });
  onTestFinished(() => calls.stop());
  return {
    calls,
    called(key, given = {}, times = 1) {
      const [app = "", capability = ""] = key.split("/");
      const route = { ...QUIZ_WINNER, app, capability, key };
      for (let n = 0; n < times; n++) calls.record(requestCompleted({ at: clock.wall(), route, ...given }));
    },
  };
}
