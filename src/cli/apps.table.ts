import type { AppHealthView } from "../admin/health.ts";
import { type Io, paint } from "./command.ts";
import { type Cell, printable, table } from "./table.ts";

/** Apps and their upstreams for people, as `apps`, `failover` and `status` show them. */

/** What all of these tables know of an upstream. */
type Standing = Pick<AppHealthView["upstreams"][number], "upstream" | "active" | "standing" | "status">;

/** A row for each upstream of each app; that with the traffic is marked. */
export function appTable(apps: readonly AppHealthView[], io: Io): string {
  const { red } = paint(io);
  const rows = apps.flatMap(({ app, status, upstreams }) =>
    upstreams.map((one): Cell[] => [
      app,
      statusCell(status, io),
      ...standingCells(one, io),
      statusCell(one.status, io),
      one.last_check?.at ?? "-",
      timeOf(one),
      one.consecutive_failures > 0 ? { text: String(one.consecutive_failures), paint: red } : "0",
    ]),
  );
  return table(
    ["APP", "STATUS", "", "UPSTREAM", "STANDING", "HEALTH", "LAST CHECK", "TIME", "FAILURES"],
    rows,
    io.columns,
  );
}

/** Mark, name and standing. */
export function standingCells({ upstream, active, standing }: Standing, io: Io): Cell[] {
  const { yellow, green } = paint(io);
  const colour = { serving: (text: string) => text, away: yellow, returning: yellow };
  return [
    { text: active ? "*" : "", paint: green },
    { text: upstream, paint: (text) => text },
    { text: standing, paint: colour[standing] },
  ];
}

export function statusCell(status: AppHealthView["status"], io: Io): Cell {
  const { red, yellow, green, dim } = paint(io);
  return { text: status, paint: { healthy: green, degraded: yellow, unhealthy: red, unknown: dim }[status] };
}

/** The mean of live calls; where there were none, what the probe took. */
function timeOf({ response_ms: mean, last_check: check }: AppHealthView["upstreams"][number]): string {
  const ms = mean ?? (check?.answered === true ? check.duration_ms : null);
  return ms === null ? "-" : `${Math.round(ms)}ms`;
}

/** A line for each app that does not simply go by its health; empty where all do. */
export function appNotes(apps: readonly Pick<AppHealthView, "app" | "pinned" | "panic" | "active">[]): string {
  const notes = apps.flatMap(({ app, pinned, panic, active }) => [
    ...(pinned === null
      ? []
      : [
          `${app} is pinned to ${pinned.upstream} by ${pinned.by} since ${pinned.at}; ` +
            `it chooses by health again with: outrigger failover release ${app}`,
        ]),
    ...(panic ? [`no upstream of ${app} is well; requests are tried on ${active ?? "them"} all the same`] : []),
  ]);
  return notes.length === 0 ? "" : `\n${notes.map((note) => `${printable(note)}\n`).join("")}`;
}
