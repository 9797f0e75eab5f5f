import type { SpoolView } from "../admin/spool.ts";
import { sizeText, spanText } from "./amount.ts";
import { type Io, paint } from "./command.ts";
import { type Cell, table } from "./table.ts";

/** The spool in `status`: how much waits and since when, and which routes want somebody to look. */

export function spoolLine(spool: SpoolView | null, io: Io): string {
  const { red, yellow } = paint(io);
  if (spool === null) return red("does not answer");
  const { states, bytes } = spool;
  const waiting = states.queued + states.leased + states.verifying;
  const oldest = spool.oldest_age_ms === null ? "" : `, the oldest for ${spanText(spool.oldest_age_ms)}`;
  return [
    `${waiting} waiting${oldest}`,
    states.dead > 0 ? yellow(`${states.dead} dead`) : "0 dead",
    `${sizeText(bytes)} of ${sizeText(spool.max_bytes)}`,
    ...(spool.full === null ? [] : [red(`full (max_${spool.full}): new ones are refused`)]),
  ].join(", ");
}

/** Routes that are parked or have dead ones; empty where there are none. */
export function spoolTable(spool: SpoolView | null | undefined, io: Io): string {
  const { red, yellow } = paint(io);
  const routes = spool?.waiting.filter(({ parked, dead }) => parked !== null || dead > 0) ?? [];
  if (routes.length === 0) return "";
  const rows = routes.map(({ app, capability, queued, leased, verifying, dead, parked }): Cell[] => [
    `${app}/${capability}`,
    String(queued + leased + verifying),
    dead > 0 ? { text: String(dead), paint: yellow } : "0",
    parked === null ? "-" : { text: parked.cause, paint: red },
    parked?.since ?? "-",
    parked?.by ?? "",
  ]);
  return `\n${table(["ROUTE", "WAITING", "DEAD", "PARKED", "SINCE", "BY"], rows, io.columns)}`;
}
