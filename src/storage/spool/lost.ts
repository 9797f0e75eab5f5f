import type { Connection } from "../connection.ts";

/**
 * Leases were lost with a damaged file: whoever has one may be sending its job. Nothing can be claimed then, and no lease
 * refused, until workers have said which they have. Kept in the file, so that it holds however often the thread is
 * started before anybody has said something.
 */
export interface LostLeases {
  readonly some: boolean;
  reload(): void;
  /** Now it is known again. */
  found(): void;
}

const KEY = "leases_lost";

export function createLostLeases(db: Connection): LostLeases {
  const read = db.prepare<[string], string>("SELECT value FROM meta WHERE key = ?").pluck();
  let some = false;
  return {
    get some() {
      return some;
    },
    reload() {
      some = read.get(KEY) !== undefined;
    },
    found() {
      if (some) db.prepare("DELETE FROM meta WHERE key = ?").run(KEY);
      some = false;
    },
  };
}

export function markLeasesLost(db: Connection): void {
  db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?, '1')").run(KEY);
}
