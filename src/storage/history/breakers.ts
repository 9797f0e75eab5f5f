import type { StoredBreaker } from "../../core/stored.ts";
import type { Connection } from "../connection.ts";
import type { Migration } from "../migrate.ts";

/** The state of every circuit breaker, written at its transitions and read at start. */

export const breakerMigrations: readonly Migration[] = [
  {
    number: 1,
    sql: `
      CREATE TABLE breakers (
        id INTEGER PRIMARY KEY,
        app TEXT NOT NULL,
        capability TEXT NOT NULL,
        upstream TEXT NOT NULL,
        url TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
        since INTEGER NOT NULL,
        until INTEGER,
        reopenings INTEGER NOT NULL,
        consecutive_failures INTEGER NOT NULL,
        saved_at INTEGER NOT NULL,
        UNIQUE (app, capability, upstream, url)
      ) STRICT;
    `,
  },
];

/** Rows of routes long gone are dropped beyond this many, the oldest first. */
const MAX_ROWS = 65_536;

export function breakerCommands(db: Connection) {
  const prune = db.prepare<[number]>(
    "DELETE FROM breakers WHERE id IN (SELECT id FROM breakers ORDER BY saved_at DESC LIMIT -1 OFFSET ?)",
  );
  const load = db.prepare<[], StoredBreaker>(
    `SELECT app, capability, upstream, url, state, since, until, reopenings,
            consecutive_failures AS consecutiveFailures, saved_at AS savedAt
       FROM breakers ORDER BY saved_at`,
  );
  const save = db.prepare<[StoredBreaker]>(
    `INSERT INTO breakers (app, capability, upstream, url, state, since, until, reopenings, consecutive_failures, saved_at)
     VALUES (@app, @capability, @upstream, @url, @state, @since, @until, @reopenings, @consecutiveFailures, @savedAt)
     ON CONFLICT (app, capability, upstream, url) DO UPDATE SET
       state = excluded.state, since = excluded.since, until = excluded.until, reopenings = excluded.reopenings,
       consecutive_failures = excluded.consecutive_failures, saved_at = excluded.saved_at`,
  );
  return {
    "breakers.load": (): StoredBreaker[] => {
      prune.run(MAX_ROWS);
      return load.all();
    },
    "breakers.save": (row: StoredBreaker): void => void save.run(row),
  };
}
