import type { CallService } from "../../src/admin/services.calls.ts";
import { emptyTally, statsOf } from "../../src/core/calls.ts";

/** A history in which nothing happened. */
export function emptyCalls(): CallService {
  const nothing = statsOf(emptyTally());
  return {
    series: async (scopes, query) => scopes.map((scope) => ({ ...scope, ...query, total: nothing, points: [] })),
    known: async () => false,
    samples: async () => ({ items: [], next: null }),
  };
}
