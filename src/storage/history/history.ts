import type { Connection } from "../connection.ts";
import type { Schema } from "../database.ts";
import { alertCommands, alertMigrations } from "./alerts.ts";
import { auditCommands, auditMigrations } from "./audit.ts";
import { breakerCommands, breakerMigrations } from "./breakers.ts";
import { healthCommands, healthMigrations } from "./health.ts";
import { metaCommands, metaMigrations } from "./meta.ts";
import { pauseCommands, pauseMigrations } from "./pauses.ts";
import { revisionCommands, revisionMigrations } from "./revisions.ts";
import { rollupReads } from "./rollups.read.ts";
import { rollupTending } from "./rollups.tend.ts";
import { rollupCommands, rollupMigrations } from "./rollups.ts";
import { sampleCommands } from "./samples.ts";
import { verificationCommands, verificationMigrations } from "./verifications.ts";

/**
 * What `history.db` holds: one file here for each store, with its statements and its migrations. A new store, or a
 * change to one, takes the next number. Tables are STRICT and have a rowid, so that a damaged file can be read row by
 * row and rubbish is not taken for data.
 */

/** All commands of the file by name: what the threads send each other. */
export type HistoryCommands = ReturnType<typeof commands>;

function commands(db: Connection) {
  return {
    ...breakerCommands(db),
    ...revisionCommands(db),
    ...auditCommands(db),
    ...metaCommands(db),
    ...pauseCommands(db),
    ...healthCommands(db),
    ...verificationCommands(db),
    ...alertCommands(db),
    ...rollupCommands(db),
    ...rollupReads(db),
    ...rollupTending(db),
    ...sampleCommands(db),
    /** Does nothing: its reply says that everything sent before is committed. */
    barrier: (_: null): void => {},
  };
}

export const historySchema: Schema = {
  file: "history.db",
  migrations: [
    ...breakerMigrations,
    ...revisionMigrations,
    ...auditMigrations,
    ...metaMigrations,
    ...pauseMigrations,
    ...healthMigrations,
    ...verificationMigrations,
    ...alertMigrations,
    ...rollupMigrations,
  ].sort((a, b) => a.number - b.number),
  commands,
};
