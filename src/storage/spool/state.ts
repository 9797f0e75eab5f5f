import { DEAD_REASONS, type DeadReason } from "../../core/job.ts";
import { TurnoverMap } from "../../core/turnover.ts";
import type { RouteSurvey } from "../../spool/port.ts";
import type { Connection } from "../connection.ts";
import { DEAD_KIND, DELIVERED_KIND, KINDS, kindOf } from "./counts.ts";
import { createLostLeases, type LostLeases } from "./lost.ts";
import { createReach, type Reach } from "./reach.ts";
import { BEHIND, COLUMNS, FIRST, type JobRow, QUEUED, RETRY, VERIFY } from "./rows.ts";
import type { SpoolBounds } from "./wire.ts";
import { createWithdrawn, type Withdrawn } from "./withdrawn.ts";

interface Leased {
  readonly attempt: number;
  /** As in the file: nothing changes a leased row but what ends its lease. */
  readonly row: JobRow;
}

/**
 * What is held in memory of the file, so that nothing is counted by scanning: names of routes, leases, and how many
 * jobs there are of each kind. Counts are written with the transaction that changed them; after one that was undone
 * everything is read again.
 */
export interface SpoolState {
  readonly leased: Pick<TurnoverMap<number, Leased>, "get" | "has" | "size" | "values" | "entries">;
  /** How many are leased of a lane. */
  leasedIn(route: number, lane: number): number;
  /** Each under a fence of its own, which it returns, in the same order. */
  lease(rows: readonly JobRow[]): number[];
  /** Takes the lease away; the row stays as it is. */
  unlease(seq: number): void;
  /** Takes up a lease that was lost, under the fence it had. */
  takeUp(row: JobRow, attempt: number): void;
  readonly withdrawn: Withdrawn;
  readonly reach: Reach;
  readonly lost: LostLeases;
  bounds: SpoolBounds;
  fence: number;
  /** The spool's time at the last command; written now and then, so that a restart goes on from there. */
  now: number;
  routeId(name: string): number;
  /** Undefined for a route that never had a job. */
  knownRoute(name: string): number | undefined;
  routeName(id: number): string;
  /** A row came into this state, or left it. */
  count(row: Pick<JobRow, "route" | "state" | "lane" | "reason">, by: 1 | -1): void;
  /** Jobs that have not ended. */
  waiting(): number;
  /** Leased to be sent, not to be asked about. */
  sending(): number;
  total(kind: "verifying" | "delivered" | "dead" | "cancelled"): number;
  surveys(): RouteSurvey[];
  flush(): void;
  reload(): void;
}

const LANES = 4;

const UNBOUND: SpoolBounds = {
  maxJobs: Number.MAX_SAFE_INTEGER,
  maxBytes: Number.MAX_SAFE_INTEGER,
  retainDeliveredMs: Number.MAX_SAFE_INTEGER,
  retainDeadMs: Number.MAX_SAFE_INTEGER,
  durability: "full",
};

export function createState(db: Connection): SpoolState {
  const readRoutes = db.prepare<[], { route: number; name: string }>("SELECT route, name FROM routes");
  const addRoute = db.prepare<[string]>("INSERT INTO routes (name) VALUES (?)");
  const readLeases = db.prepare<[], JobRow & { attempt: number }>(
    `SELECT ${COLUMNS}, attempt FROM leases JOIN jobs USING (seq)`,
  );
  const addLeases = db.prepare<[number, string]>(
    "INSERT INTO leases (seq, attempt) SELECT value, ? + key FROM json_each(?)",
  );
  const removeLeases = db.prepare<[string]>("DELETE FROM leases WHERE seq IN (SELECT value FROM json_each(?))");
  const readCounts = db.prepare<[], { id: number; n: number }>("SELECT id, n FROM counts");
  const writeCount = db.prepare<[number, number]>("INSERT OR REPLACE INTO counts (id, n) VALUES (?, ?)");
  const writeNow = db.prepare<[string]>(
    "INSERT INTO meta (key, value) VALUES ('now', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  );
  const ids = new Map<string, number>();
  const names = new Map<number, string>();
  const counts = new Map<number, number>();
  const dirty = new Set<number>();
  const leased = new TurnoverMap<number, Leased>();
  const byLane = new Map<number, number>();
  const lost = createLostLeases(db);
  const reach = createReach();
  let polling = 0;
  /** Gone here, and not yet in the file: they go from there together. */
  let ended: number[] = [];
  let writtenNow = 0;

  const book = ({ route, lane }: JobRow, by: 1 | -1): void => {
    const id = route * LANES + lane;
    byLane.set(id, (byLane.get(id) ?? 0) + by);
    if (lane === VERIFY) polling += by;
  };
  const removeEnded = (): void => {
    if (ended.length === 0) return;
    removeLeases.run(JSON.stringify(ended));
    ended = [];
  };

  const sum = (wanted: (kind: number) => boolean): number => {
    let n = 0;
    for (const [id, count] of counts) if (wanted(id % KINDS)) n += count;
    return n;
  };
  const cancelledKind = DEAD_KIND + DEAD_REASONS.indexOf("cancelled");
  let waiting = 0;

  return {
    leased,
    leasedIn: (route, lane) => byLane.get(route * LANES + lane) ?? 0,
    lease(rows) {
      if (rows.length === 0) return [];
      // One of them may have had a lease in this transaction.
      removeEnded();
      const first = this.fence + 1;
      this.fence += rows.length;
      addLeases.run(first, JSON.stringify(rows.map(({ seq }) => seq)));
      return rows.map((row, i) => {
        leased.set(row.seq, { attempt: first + i, row });
        book(row, 1);
        return first + i;
      });
    },
    unlease(seq) {
      const lease = leased.get(seq);
      if (lease === undefined) return;
      leased.delete(seq);
      book(lease.row, -1);
      ended.push(seq);
    },
    withdrawn: createWithdrawn(),
    reach,
    lost,
    takeUp(row, attempt) {
      removeEnded();
      addLeases.run(attempt, JSON.stringify([row.seq]));
      leased.set(row.seq, { attempt, row });
      book(row, 1);
    },
    bounds: UNBOUND,
    fence: 0,
    now: 0,
    routeId(name) {
      let id = ids.get(name);
      if (id === undefined) {
        id = Number(addRoute.run(name).lastInsertRowid);
        ids.set(name, id);
        names.set(id, name);
      }
      return id;
    },
    knownRoute: (name) => ids.get(name),
    routeName: (id) => names.get(id) ?? "/",
    count(row, by) {
      const id = row.route * KINDS + kindOf(row);
      counts.set(id, (counts.get(id) ?? 0) + by);
      dirty.add(id);
      if (row.state === QUEUED) waiting += by;
    },
    waiting: () => waiting,
    sending: () => leased.size - polling,
    total(kind) {
      if (kind === "verifying") return sum((k) => k === VERIFY);
      if (kind === "delivered") return sum((k) => k === DELIVERED_KIND);
      if (kind === "cancelled") return sum((k) => k === cancelledKind);
      return sum((k) => k >= DEAD_KIND && k !== cancelledKind);
    },
    surveys() {
      const out = new Map<number, number[]>();
      for (const { row } of leased.values()) {
        const { route, lane } = row;
        const lanes = out.get(route) ?? [0, 0, 0];
        lanes[lane] = (lanes[lane] ?? 0) + 1;
        out.set(route, lanes);
      }
      return [...names].map(([id, name]) => {
        const slash = name.indexOf("/");
        const [first = 0, retry = 0, behind = 0] = out.get(id) ?? [];
        const of = (kind: number): number => counts.get(id * KINDS + kind) ?? 0;
        const dead: Partial<Record<DeadReason, number>> = {};
        DEAD_REASONS.forEach((reason, i) => {
          const n = of(DEAD_KIND + i);
          if (n > 0) dead[reason] = n;
        });
        return {
          app: name.slice(0, slash),
          capability: name.slice(slash + 1),
          first: of(FIRST) - first,
          retry: of(RETRY) - retry,
          behind: of(BEHIND) - behind,
          leased: first + retry + behind,
          verifying: of(VERIFY),
          dead,
        };
      });
    },
    flush() {
      removeEnded();
      for (const id of dirty) writeCount.run(id, counts.get(id) ?? 0);
      if (dirty.size > 0 && this.now - writtenNow >= 1000) {
        writeNow.run(String(this.now));
        writtenNow = this.now;
      }
      dirty.clear();
    },
    reload() {
      ids.clear();
      names.clear();
      counts.clear();
      dirty.clear();
      leased.clear();
      byLane.clear();
      polling = 0;
      ended = [];
      for (const { route, name } of readRoutes.all()) {
        ids.set(name, route);
        names.set(route, name);
      }
      for (const { id, n } of readCounts.all()) counts.set(id, n);
      for (const { attempt, ...row } of readLeases.all()) {
        leased.set(row.seq, { attempt, row });
        book(row, 1);
      }
      waiting = sum((kind) => kind <= VERIFY);
      lost.reload();
      reach.reset();
      writtenNow = 0;
    },
  };
}
