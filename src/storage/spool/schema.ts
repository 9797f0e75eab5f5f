import type { Connection } from "../connection.ts";
import type { Schema } from "../database.ts";
import type { Migration } from "../migrate.ts";
import { spoolCommands } from "./commands.ts";
import { mendSpool } from "./mend.ts";

/**
 * What `spool.db` holds. `jobs` has what is looked at to choose, small enough that a change costs little; `payloads`
 * what is only read to be sent: the request's head, so many bytes of JSON, and its body. `polls` has what is asked of
 * jobs that are verified. Only jobs that wait are in the index `due`, only those that ended in `ended`.
 */
const migrations: readonly Migration[] = [
  {
    number: 1,
    sql: `
      CREATE TABLE routes (route INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
      CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY,
        tail INTEGER NOT NULL,
        route INTEGER NOT NULL,
        state INTEGER NOT NULL,
        lane INTEGER NOT NULL,
        due INTEGER NOT NULL,
        at INTEGER NOT NULL,
        since INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        age INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        sends INTEGER NOT NULL,
        doubt INTEGER NOT NULL,
        origin INTEGER NOT NULL,
        size INTEGER NOT NULL,
        ended INTEGER,
        reason INTEGER,
        detail TEXT,
        request_id TEXT,
        okey TEXT,
        holds INTEGER NOT NULL,
        blocks INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX due ON jobs (route, lane, due, seq) WHERE state = 0;
      CREATE INDEX ended ON jobs (state, seq) WHERE state >= 2;
      CREATE INDEX requests ON jobs (request_id) WHERE request_id IS NOT NULL;
      CREATE INDEX ordered ON jobs (route, okey, seq) WHERE okey IS NOT NULL AND holds = 1;
      CREATE INDEX heads ON jobs (route, okey) WHERE okey IS NOT NULL AND holds = 1 AND lane <> 2;
      CREATE TABLE payloads (seq INTEGER PRIMARY KEY, head INTEGER NOT NULL, content BLOB NOT NULL) STRICT;
      CREATE TABLE tries (seq INTEGER PRIMARY KEY, log TEXT NOT NULL) STRICT;
      CREATE TABLE polls (seq INTEGER PRIMARY KEY, until INTEGER NOT NULL, poll TEXT NOT NULL) STRICT;
      CREATE TABLE leases (seq INTEGER PRIMARY KEY, attempt INTEGER NOT NULL) STRICT;
      CREATE TABLE counts (id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;
      CREATE TABLE keys (
        id INTEGER PRIMARY KEY,
        route INTEGER NOT NULL,
        hash TEXT NOT NULL,
        body_hash TEXT NOT NULL,
        seq INTEGER NOT NULL,
        tail INTEGER NOT NULL,
        until INTEGER NOT NULL,
        UNIQUE (route, hash)
      ) STRICT;
      CREATE INDEX keys_until ON keys (until);
      CREATE TABLE answers (
        id INTEGER PRIMARY KEY,
        route INTEGER NOT NULL,
        hash TEXT NOT NULL,
        body_hash TEXT NOT NULL,
        until INTEGER NOT NULL,
        status INTEGER NOT NULL,
        headers TEXT NOT NULL,
        body BLOB NOT NULL,
        outcome TEXT NOT NULL,
        UNIQUE (route, hash)
      ) STRICT;
      CREATE INDEX answers_until ON answers (until);
      CREATE TABLE meta (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT NOT NULL) STRICT;
    `,
  },
];

export const spoolSchema: Schema = {
  file: "spool.db",
  // A job takes as many bytes in pages of 4 KiB, but twice as many calls of the system, to the WAL and from there.
  pageBytes: 8192,
  migrations,
  commands: (db: Connection, hook) => {
    const { byName, ...hooks } = spoolCommands(db);
    hook(hooks);
    return byName;
  },
  mend: mendSpool,
};
