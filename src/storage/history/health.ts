import type { NewMove, Page, PageRequest, StoredHealth, StoredMove, StoredPin } from "../../core/stored.ts";
import type { Connection } from "../connection.ts";
import type { Migration } from "../migrate.ts";
import { pageOf } from "./page.ts";

/** How each upstream was, where operators pinned traffic, and every move of traffic. */

export const healthMigrations: readonly Migration[] = [
  {
    number: 6,
    // A move that was written twice, since the thread died over the first time, is still one move: its columns tell.
    // They are empty rather than NULL, which SQLite takes for different from itself.
    sql: `
      CREATE TABLE health (
        id INTEGER PRIMARY KEY,
        app TEXT NOT NULL,
        upstream TEXT NOT NULL,
        url TEXT NOT NULL,
        standing TEXT NOT NULL CHECK (standing IN ('serving', 'away', 'returning')),
        since INTEGER NOT NULL,
        cause TEXT,
        status TEXT NOT NULL CHECK (status IN ('healthy', 'degraded', 'unhealthy', 'unknown')),
        consecutive_failures INTEGER NOT NULL,
        hold_ms REAL NOT NULL,
        returned_at INTEGER,
        probe TEXT,
        saved_at INTEGER NOT NULL,
        UNIQUE (app, upstream, url)
      ) STRICT;
      CREATE TABLE pins (
        id INTEGER PRIMARY KEY,
        app TEXT NOT NULL UNIQUE,
        upstream TEXT NOT NULL,
        by TEXT NOT NULL,
        at INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE moves (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        app TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('failover', 'failback')),
        origin TEXT NOT NULL,
        target TEXT NOT NULL,
        reason TEXT NOT NULL,
        by TEXT,
        at INTEGER NOT NULL,
        duration_ms REAL NOT NULL,
        UNIQUE (app, at, kind, origin, target, reason)
      ) STRICT;
      CREATE INDEX moves_of_app ON moves (app);
    `,
  },
];

/** Rows of upstreams long gone are dropped beyond this many, the oldest first. */
const MAX_ROWS = 65_536;
const MAX_MOVES = 10_000;
/** Each new move takes at most so many old ones along, so that no commit grows long. */
const PRUNE_STEP = 16;

/** A row as the table has it: the probe as JSON. */
type HealthRow = Omit<StoredHealth, "probe"> & { readonly probe: string | null };

export function healthCommands(db: Connection) {
  return { ...upstreamCommands(db), ...pinCommands(db), ...moveCommands(db) };
}

function upstreamCommands(db: Connection) {
  const prune = db.prepare<[number]>(
    "DELETE FROM health WHERE id IN (SELECT id FROM health ORDER BY saved_at DESC LIMIT -1 OFFSET ?)",
  );
  const load = db.prepare<[], HealthRow>(
    `SELECT app, upstream, url, standing, since, cause, status, consecutive_failures AS consecutiveFailures,
            hold_ms AS holdMs, returned_at AS returnedAt, probe, saved_at AS savedAt
       FROM health ORDER BY saved_at`,
  );
  const save = db.prepare<[HealthRow]>(
    `INSERT INTO health (app, upstream, url, standing, since, cause, status, consecutive_failures, hold_ms, returned_at,
                         probe, saved_at)
     VALUES (@app, @upstream, @url, @standing, @since, @cause, @status, @consecutiveFailures, @holdMs, @returnedAt,
             @probe, @savedAt)
     ON CONFLICT (app, upstream, url) DO UPDATE SET
       standing = excluded.standing, since = excluded.since, cause = excluded.cause, status = excluded.status,
       consecutive_failures = excluded.consecutive_failures, hold_ms = excluded.hold_ms,
       returned_at = excluded.returned_at, probe = excluded.probe, saved_at = excluded.saved_at`,
  );
  return {
    "health.load": (): StoredHealth[] => {
      prune.run(MAX_ROWS);
      return load.all().map((row) => ({ ...row, probe: probeOf(row.probe) }));
    },
    "health.save": (row: StoredHealth): void =>
      void save.run({ ...row, probe: row.probe === null ? null : JSON.stringify(row.probe) }),
  };
}

/** What is no JSON came out of a damaged file: the rest of its row is worth having. */
function probeOf(text: string | null): StoredHealth["probe"] {
  try {
    return text === null ? null : (JSON.parse(text) as StoredHealth["probe"]);
  } catch {
    return null;
  }
}

function pinCommands(db: Connection) {
  const load = db.prepare<[], StoredPin>("SELECT app, upstream, by, at FROM pins ORDER BY id");
  const save = db.prepare<[StoredPin]>(
    "INSERT OR REPLACE INTO pins (app, upstream, by, at) VALUES (@app, @upstream, @by, @at)",
  );
  const remove = db.prepare<[string]>("DELETE FROM pins WHERE app = ?");
  return {
    "pins.load": (): StoredPin[] => load.all(),
    "pins.save": (pin: StoredPin): void => void save.run(pin),
    "pins.remove": (app: string): void => void remove.run(app),
  };
}

function moveCommands(db: Connection) {
  const add = db.prepare<[NewMove]>(
    `INSERT INTO moves (app, kind, origin, target, reason, by, at, duration_ms)
     VALUES (@app, @kind, ifnull(@from, ''), ifnull(@to, ''), @reason, @by, @at, @durationMs)
     ON CONFLICT DO NOTHING`,
  );
  const prune = db.prepare<[number, number]>(
    "DELETE FROM moves WHERE id IN (SELECT id FROM moves WHERE id <= ? ORDER BY id LIMIT ?)",
  );
  const columns = `id, app, kind, nullif(origin, '') AS "from", nullif(target, '') AS "to", reason, by, at,
    duration_ms AS durationMs`;
  const all = db.prepare<[number, number], StoredMove>(
    `SELECT ${columns} FROM moves WHERE id < ? ORDER BY id DESC LIMIT ?`,
  );
  const ofApp = db.prepare<[string, number, number], StoredMove>(
    `SELECT ${columns} FROM moves WHERE app = ? AND id < ? ORDER BY id DESC LIMIT ?`,
  );
  return {
    "moves.add": (move: NewMove): void => {
      const { changes, lastInsertRowid } = add.run(move);
      if (changes > 0) prune.run(Number(lastInsertRowid) - MAX_MOVES, PRUNE_STEP);
    },
    "moves.list": ({ app, ...request }: PageRequest & { readonly app: string | null }): Page<StoredMove> =>
      pageOf(
        request,
        (row) => row.id,
        (before, limit) => (app === null ? all.all(before, limit) : ofApp.all(app, before, limit)),
      ),
  };
}
