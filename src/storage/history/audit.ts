import type { NewAudit, Page, PageRequest, StoredAudit } from "../../core/stored.ts";
import type { Connection } from "../connection.ts";
import type { Migration } from "../migrate.ts";
import { pageOf } from "./page.ts";

/** Who changed what. */

export const auditMigrations: readonly Migration[] = [
  {
    number: 3,
    sql: `
      CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        detail TEXT NOT NULL
      ) STRICT;
    `,
  },
];

const MAX_ENTRIES = 100_000;

export function auditCommands(db: Connection) {
  const add = db.prepare<[NewAudit]>(
    "INSERT INTO audit (at, by, action, target, detail) VALUES (@at, @by, @action, @target, @detail)",
  );
  const prune = db.prepare<[number]>("DELETE FROM audit WHERE id <= ?");
  const list = db.prepare<[number, number], StoredAudit>(
    "SELECT id, at, by, action, target, detail FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
  );
  return {
    "audit.add": (entry: NewAudit): void => {
      const id = Number(add.run(entry).lastInsertRowid);
      prune.run(id - MAX_ENTRIES);
    },
    "audit.list": (request: PageRequest): Page<StoredAudit> =>
      pageOf(
        request,
        (row) => row.id,
        (before, limit) => list.all(before, limit),
      ),
  };
}
