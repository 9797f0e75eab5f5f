import {
  type AlertChanges,
  type AlertSilence,
  isAlertMetric,
  type StoredAlert,
  type StoredAlertRules,
} from "../../core/alert.ts";
import type { Connection } from "../connection.ts";
import type { Migration } from "../migrate.ts";

/** Alerts that are not forgotten yet, and the rules that an operator set. */

export const alertMigrations: readonly Migration[] = [
  {
    number: 9,
    sql: `
      CREATE TABLE alerts (
        row INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        rule TEXT NOT NULL,
        metric TEXT NOT NULL,
        app TEXT,
        capability TEXT,
        upstream TEXT,
        phase TEXT NOT NULL CHECK (phase IN ('pending', 'firing', 'resolved')),
        since INTEGER NOT NULL,
        fired_at INTEGER,
        resolved_at INTEGER,
        cause TEXT CHECK (cause IN ('recovered', 'too_few_samples', 'gone')),
        told_at INTEGER,
        told INTEGER NOT NULL CHECK (told IN (0, 1)),
        value REAL NOT NULL,
        threshold REAL NOT NULL,
        summary TEXT NOT NULL,
        silenced_until INTEGER,
        silenced_by TEXT,
        silence_reason TEXT
      ) STRICT;
      CREATE TABLE alert_rules (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        rules TEXT NOT NULL,
        by TEXT NOT NULL,
        at INTEGER NOT NULL
      ) STRICT;
    `,
  },
];

/** More than are ever held at once; what a damaged file has beyond it is not worth reading. */
const MAX_ROWS = 20_000;

/** A row as the table has it. */
type AlertRow = Omit<StoredAlert, "told" | "silence"> & {
  readonly told: number;
  readonly silencedUntil: number | null;
  readonly silencedBy: string | null;
  readonly silenceReason: string | null;
};

export function alertCommands(db: Connection) {
  const load = db.prepare<[number], AlertRow>(
    `SELECT id, rule, metric, app, capability, upstream, phase, since, fired_at AS firedAt, resolved_at AS resolvedAt,
            cause, told_at AS toldAt, told, value, threshold, summary, silenced_until AS silencedUntil,
            silenced_by AS silencedBy, silence_reason AS silenceReason
       FROM alerts ORDER BY row LIMIT ?`,
  );
  const save = db.prepare<[AlertRow]>(
    `INSERT INTO alerts (id, rule, metric, app, capability, upstream, phase, since, fired_at, resolved_at, cause,
                         told_at, told, value, threshold, summary, silenced_until, silenced_by, silence_reason)
     VALUES (@id, @rule, @metric, @app, @capability, @upstream, @phase, @since, @firedAt, @resolvedAt, @cause,
             @toldAt, @told, @value, @threshold, @summary, @silencedUntil, @silencedBy, @silenceReason)
     ON CONFLICT (id) DO UPDATE SET
       rule = excluded.rule, metric = excluded.metric, app = excluded.app, capability = excluded.capability,
       upstream = excluded.upstream, phase = excluded.phase, since = excluded.since, fired_at = excluded.fired_at,
       resolved_at = excluded.resolved_at, cause = excluded.cause, told_at = excluded.told_at, told = excluded.told,
       value = excluded.value, threshold = excluded.threshold, summary = excluded.summary,
       silenced_until = excluded.silenced_until, silenced_by = excluded.silenced_by,
       silence_reason = excluded.silence_reason`,
  );
  const remove = db.prepare<[string]>("DELETE FROM alerts WHERE id = ?");
  const loadRules = db.prepare<[], StoredAlertRules>("SELECT rules, by, at FROM alert_rules");
  const saveRules = db.prepare<[StoredAlertRules]>(
    "INSERT OR REPLACE INTO alert_rules (id, rules, by, at) VALUES (1, @rules, @by, @at)",
  );
  const removeRules = db.prepare("DELETE FROM alert_rules");
  return {
    "alerts.load": (): StoredAlert[] =>
      load
        .all(MAX_ROWS)
        .filter(({ metric }) => isAlertMetric(metric))
        .map(alertOf),
    "alerts.save": ({ saved, removed }: AlertChanges): void => {
      for (const id of removed) remove.run(id);
      for (const alert of saved) save.run(rowOf(alert));
    },
    "alerts.rules": (): StoredAlertRules | null => loadRules.get() ?? null,
    "alerts.setRules": (rules: StoredAlertRules | null): void =>
      void (rules === null ? removeRules.run() : saveRules.run(rules)),
  };
}

function rowOf({ told, silence, ...alert }: StoredAlert): AlertRow {
  return {
    ...alert,
    told: told ? 1 : 0,
    silencedUntil: silence?.until ?? null,
    silencedBy: silence?.by ?? null,
    silenceReason: silence?.reason ?? null,
  };
}

function alertOf({ told, silencedUntil, silencedBy, silenceReason, ...alert }: AlertRow): StoredAlert {
  const silence: AlertSilence | null =
    silencedUntil === null ? null : { until: silencedUntil, by: silencedBy ?? "", reason: silenceReason };
  return { ...alert, told: told === 1, silence };
}
