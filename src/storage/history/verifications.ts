import type { VerificationCount } from "../../core/stored.ts";
import type { Connection } from "../connection.ts";
import type { Migration } from "../migrate.ts";

/** What good answers proved to be: counts by route and hour. */

export const verificationMigrations: readonly Migration[] = [
  {
    number: 7,
    sql: `
      CREATE TABLE verifications (
        id INTEGER PRIMARY KEY,
        hour INTEGER NOT NULL,
        app TEXT NOT NULL,
        capability TEXT NOT NULL,
        verified INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        unverified INTEGER NOT NULL,
        UNIQUE (hour, app, capability)
      ) STRICT;
    `,
  },
];

const KEPT_HOURS = 90 * 24;
/** Each batch takes at most so many old rows along, so that no commit grows long. */
const PRUNE_STEP = 500;

type Sums = Omit<VerificationCount, "hour">;

export function verificationCommands(db: Connection) {
  const add = db.prepare<[VerificationCount]>(
    `INSERT INTO verifications (hour, app, capability, verified, failed, unverified)
     VALUES (@hour, @app, @capability, @verified, @failed, @unverified)
     ON CONFLICT (hour, app, capability) DO UPDATE SET
       verified = verified + excluded.verified, failed = failed + excluded.failed,
       unverified = unverified + excluded.unverified`,
  );
  const prune = db.prepare<[number, number]>(
    "DELETE FROM verifications WHERE id IN (SELECT id FROM verifications WHERE hour < ? LIMIT ?)",
  );
  const since = db.prepare<[number], Sums>(
    `SELECT app, capability, sum(verified) AS verified, sum(failed) AS failed, sum(unverified) AS unverified
       FROM verifications WHERE hour >= ? GROUP BY app, capability`,
  );
  return {
    "verifications.add": (rows: readonly VerificationCount[]): void => {
      let newest = 0;
      for (const row of rows) {
        add.run(row);
        newest = Math.max(newest, row.hour);
      }
      prune.run(newest - KEPT_HOURS, PRUNE_STEP);
    },
    "verifications.since": (hours: readonly number[]): Sums[][] => hours.map((hour) => since.all(hour)),
  };
}
