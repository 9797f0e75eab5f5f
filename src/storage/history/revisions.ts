import type { NewRevision, Page, PageRequest, StoredRevision } from "../../core/stored.ts";
import type { Connection } from "../connection.ts";
import type { Migration } from "../migrate.ts";
import { pageOf } from "./page.ts";

/** Every manifest that was applied: who, when and which; the text itself once per hash, secrets masked by the writer. */

export const revisionMigrations: readonly Migration[] = [
  {
    number: 2,
    sql: `
      CREATE TABLE revisions (
        revision INTEGER PRIMARY KEY AUTOINCREMENT,
        hash TEXT NOT NULL,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE manifests (
        id INTEGER PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        manifest TEXT NOT NULL
      ) STRICT;
    `,
  },
];

const MAX_REVISIONS = 10_000;
/** A manifest of ten thousand routes has megabytes of text: fewer of those are kept. */
const MAX_MANIFESTS = 50;

export function revisionCommands(db: Connection) {
  const add = db.prepare<[NewRevision]>(
    "INSERT INTO revisions (hash, at, by, files, bytes) VALUES (@hash, @at, @by, @files, @bytes)",
  );
  const addText = db.prepare<[NewRevision]>(
    "INSERT INTO manifests (hash, manifest) VALUES (@hash, @manifest) ON CONFLICT (hash) DO NOTHING",
  );
  const prune = db.prepare<[number]>("DELETE FROM revisions WHERE revision <= ?");
  const pruneTexts = db.prepare<[number]>(
    `DELETE FROM manifests WHERE hash NOT IN
       (SELECT hash FROM revisions GROUP BY hash ORDER BY max(revision) DESC LIMIT ?)`,
  );
  const list = db.prepare<[number, number], StoredRevision>(
    "SELECT revision, hash, at, by, files, bytes FROM revisions WHERE revision < ? ORDER BY revision DESC LIMIT ?",
  );
  const text = db.prepare<[number], string>(
    "SELECT manifest FROM manifests JOIN revisions USING (hash) WHERE revision = ?",
  );
  return {
    /** Returns the revision's number: one higher each time, also after a restart with the same manifest. */
    "revisions.add": (revision: NewRevision): number => {
      const number = Number(add.run(revision).lastInsertRowid);
      addText.run(revision);
      prune.run(number - MAX_REVISIONS);
      pruneTexts.run(MAX_MANIFESTS);
      return number;
    },
    "revisions.list": (request: PageRequest): Page<StoredRevision> =>
      pageOf(
        request,
        (row) => row.revision,
        (before, limit) => list.all(before, limit),
      ),
    "revisions.manifest": (revision: number): string | null => text.pluck().get(revision) ?? null,
  };
}
