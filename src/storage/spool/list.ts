import { type JobId, parseId } from "../../core/job.id.ts";
import { DEAD_REASONS, type JobFilter, type JobState, type JobSummary, type Poll } from "../../core/job.ts";
import type { Page } from "../../core/stored.ts";
import type { Connection } from "../connection.ts";
import { type FoundJob, parseTries } from "./commands.ts";
import { CANCELLED, DEAD, DELIVERED, type JobRow, type Payload, STRIPPED, summaryOf } from "./rows.ts";
import type { SpoolState } from "./state.ts";
import type { JobTable } from "./table.ts";
import type { Head, ListCommand } from "./wire.ts";

/** Rows looked at for one part of a list: other commands wait meanwhile. */
const SCAN = 5000;

const ENDED: Readonly<Partial<Record<JobState, readonly number[]>>> = {
  delivered: [DELIVERED, STRIPPED],
  dead: [DEAD],
  cancelled: [CANCELLED],
};

export function listCommand(db: Connection, state: SpoolState, table: JobTable) {
  const any = db.prepare<[number, number], JobRow>("SELECT * FROM jobs WHERE seq < ? ORDER BY seq DESC LIMIT ?");
  const ended = db.prepare<[number, number, number], JobRow>(
    // A partial index is only used where its own condition stands in the statement, whatever the state is.
    "SELECT * FROM jobs INDEXED BY ended WHERE state >= 2 AND state = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
  );
  const waiting = db.prepare<[number, number], JobRow>(
    "SELECT * FROM jobs INDEXED BY due WHERE state = 0 AND route = ? AND seq < ?",
  );
  const requested = db.prepare<[string, number, number], JobRow>(
    "SELECT * FROM jobs WHERE request_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
  );
  const payload = db.prepare<[number], Payload>("SELECT head, content FROM payloads WHERE seq = ?");
  const poll = db.prepare<[number], { until: number; poll: string }>("SELECT until, poll FROM polls WHERE seq = ?");
  const log = db.prepare<[number], string>("SELECT log FROM tries WHERE seq = ?").pluck();

  const rowsOf = (filter: JobFilter, before: number): JobRow[] => {
    if (filter.requestId !== undefined) {
      const own = parseId(filter.requestId);
      const row = own === null ? undefined : table.get(own.seq);
      const self =
        row !== undefined && row.request_id === null && row.tail === own?.tail && row.seq < before ? [row] : [];
      return [...requested.all(filter.requestId, before, SCAN), ...self].sort((a, b) => b.seq - a.seq);
    }
    const codes = filter.states?.map((name) => ENDED[name]) ?? [undefined];
    // Few that wait among many that ended: they are fetched route by route.
    if (filter.states !== undefined && codes.every((code) => code === undefined) && state.waiting() <= SCAN)
      return waitingOf(state)
        .flatMap((route) => waiting.all(route, before))
        .sort((a, b) => b.seq - a.seq);
    if (codes.length === 0 || codes.some((code) => code === undefined)) return any.all(before, SCAN);
    const rows = codes.flatMap((code) => (code ?? []).flatMap((one) => ended.all(one, before, SCAN)));
    return rows.sort((a, b) => b.seq - a.seq).slice(0, SCAN);
  };

  return {
    "spool.list": ({ now, wall, filter, limit, cursor }: ListCommand): Page<JobSummary> => {
      if (cursor === null && isEmpty(filter, state)) return { items: [], next: null };
      const rows = rowsOf(filter, cursor ?? Number.MAX_SAFE_INTEGER);
      const items: JobSummary[] = [];
      const suits = rowFilter(filter, state);
      for (const [i, row] of rows.entries()) {
        if (!suits(row)) continue;
        const job = summaryOf(row, state.routeName(row.route), state.leased.has(row.seq), wall - now);
        if (!matches(job, filter)) continue;
        items.push(job);
        if (items.length === limit)
          return { items, next: i + 1 < rows.length || rows.length === SCAN ? row.seq : null };
      }
      return { items, next: rows.length === SCAN ? (rows.at(-1)?.seq ?? null) : null };
    },
    "spool.find": ({
      id,
      now,
      wall,
    }: {
      readonly id: JobId;
      readonly now: number;
      readonly wall: number;
    }): FoundJob | null => {
      const row = table.get(id.seq);
      if (row === undefined || row.tail !== id.tail) return null;
      const content = payload.get(id.seq);
      const asked = poll.get(id.seq);
      return {
        ...summaryOf(row, state.routeName(row.route), state.leased.has(row.seq), wall - now),
        head: content === undefined ? null : headOf(content),
        // A view of its own: what is handed over must not be a window into a larger block.
        body: content === undefined ? null : new Uint8Array(content.content.subarray(content.head)),
        orderKey: row.okey,
        inDoubt: row.doubt === 1,
        tries: parseTries(log.get(id.seq)),
        poll: asked === undefined ? null : { ...(JSON.parse(asked.poll) as Poll), until: asked.until + wall - now },
      };
    },
  };
}

/** Null for one that was damaged: what else is known of the job can be told. */
function headOf({ head, content }: Payload): Head | null {
  try {
    return JSON.parse(content.toString("utf8", 0, head)) as Head;
  } catch {
    return null;
  }
}

/** Routes with jobs that have not ended. */
function waitingOf(state: SpoolState): number[] {
  return state.surveys().flatMap(({ app, capability, first, retry, behind, leased, verifying }) => {
    const id = state.knownRoute(`${app}/${capability}`);
    return id !== undefined && first + retry + behind + leased + verifying > 0 ? [id] : [];
  });
}

/** Do the counts say that there is none? Going through a large file for nothing takes long. */
function isEmpty({ states, app, capability, reason }: JobFilter, state: SpoolState): boolean {
  if (app === undefined && capability === undefined && reason === undefined) return false;
  const ended = reason !== undefined || (states?.every((one) => one === "dead" || one === "cancelled") ?? false);
  return !state
    .surveys()
    .some(
      (route) =>
        (app === undefined || route.app === app) &&
        (capability === undefined || route.capability === capability) &&
        (!ended || (reason === undefined ? Object.keys(route.dead).length > 0 : route.dead[reason] !== undefined)),
    );
}

/** The cheap part of the filter: of most rows of a large file no summary need be made. */
function rowFilter({ app, capability, reason }: JobFilter, state: SpoolState): (row: JobRow) => boolean {
  const routes = new Map<number, boolean>();
  const ofRoute = (route: number): boolean => {
    const [name, job] = state.routeName(route).split("/", 2);
    return (app === undefined || app === name) && (capability === undefined || capability === job);
  };
  const code = reason === undefined ? null : DEAD_REASONS.indexOf(reason);
  return (row) => {
    if (code !== null && row.reason !== code) return false;
    let known = routes.get(row.route);
    if (known === undefined) {
      known = ofRoute(row.route);
      routes.set(row.route, known);
    }
    return known;
  };
}

function matches(job: JobSummary, { states, since, until }: JobFilter): boolean {
  const isDead = job.state === "dead" || job.state === "cancelled";
  const at = isDead ? (job.endedAt ?? job.at) : job.at;
  return (
    (states === undefined || states.includes(job.state)) &&
    (since === undefined || at >= since) &&
    (until === undefined || at < until)
  );
}
