import type { StoredPause } from "../../core/stored.ts";
import type { Connection } from "../connection.ts";
import type { Migration } from "../migrate.ts";

/** Routes and apps whose jobs wait for an operator. An empty capability is the whole app. */

export const pauseMigrations: readonly Migration[] = [
  {
    number: 5,
    sql: `
      CREATE TABLE pauses (
        id INTEGER PRIMARY KEY,
        app TEXT NOT NULL,
        capability TEXT NOT NULL,
        cause TEXT NOT NULL CHECK (cause IN ('paused', 'gone')),
        by TEXT,
        at INTEGER NOT NULL,
        UNIQUE (app, capability)
      ) STRICT;
    `,
  },
];

export function pauseCommands(db: Connection) {
  const load = db.prepare<[], StoredPause>(
    "SELECT app, nullif(capability, '') AS capability, cause, by, at FROM pauses ORDER BY id",
  );
  const save = db.prepare("INSERT OR REPLACE INTO pauses (app, capability, cause, by, at) VALUES (?, ?, ?, ?, ?)");
  const remove = db.prepare("DELETE FROM pauses WHERE app = ? AND capability = ?");
  return {
    "pauses.load": (): StoredPause[] => load.all(),
    "pauses.save": ({ app, capability, cause, by, at }: StoredPause): void =>
      void save.run(app, capability ?? "", cause, by, at),
    "pauses.remove": ([app, capability]: readonly [string, string | null]): void =>
      void remove.run(app, capability ?? ""),
  };
}
