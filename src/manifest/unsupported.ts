import type { Report } from "./problem.ts";
import type { Resolved } from "./resolve.ts";

/**
 * What the manifest already knows and this version does not do yet: one table. A key here is an error where the file
 * holds it. A feature that arrives takes its lines out; nothing else refers to them.
 */

type Key = readonly PropertyKey[];

/** Keys of the whole process, where the file holds them. */
const SERVICE_KEYS: readonly { readonly key: Key; readonly what: string; readonly used: (all: Resolved) => boolean }[] =
  [
    { key: ["redis"], what: "redis", used: ({ main }) => main.value.redis !== undefined },
    {
      key: ["spool", "driver"],
      what: "the spool driver redis",
      used: ({ main }) => main.value.spool?.driver === "redis",
    },
  ];

export function reportUnsupported(all: Resolved, report: Report): void {
  for (const { key, what, used } of SERVICE_KEYS) {
    if (used(all)) report.error(all.main.place(key), key, `${what} is not supported yet`);
  }
}
