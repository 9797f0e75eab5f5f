import type { Connection } from "../connection.ts";
import type { Migration } from "../migrate.ts";

/** Single facts that belong to the file. The program names the keys, so there are few. */

export const metaMigrations: readonly Migration[] = [
  {
    number: 4,
    sql: "CREATE TABLE meta (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT NOT NULL) STRICT;",
  },
];

export function metaCommands(db: Connection) {
  const get = db.prepare<[string], string>("SELECT value FROM meta WHERE key = ?").pluck();
  const set = db.prepare<[string, string]>(
    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  );
  return {
    "meta.get": (key: string): string | null => get.get(key) ?? null,
    "meta.set": ([key, value]: readonly [key: string, value: string]): void => void set.run(key, value),
  };
}
