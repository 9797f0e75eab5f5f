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
  reportChannels(all, report);
}

function reportChannels({ main }: Resolved, report: Report): void {
  for (const [name, channel] of Object.entries(main.value.notify?.channels ?? {})) {
    const at = (key: string): Key => ["notify", "channels", name, key];
    if (channel.type !== "http")
      report.error(main.place(at("type")), at("type"), `the channel type ${channel.type} is not supported yet`);
    if (channel.type === "email" && channel.to === "owner")
      report.error(main.place(at("to")), at("to"), "to: owner is not supported yet");
  }
}
