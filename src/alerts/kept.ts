import type { Alert, AlertRule, AlertStore, StoredAlert } from "../core/alert.ts";
import type { Alerts } from "./judge.ts";

/** What outlives the process: the alerts, so that a restart tells nothing twice, and rules set at run time. */

export interface Keeper {
  /** As they were kept. */
  readonly alerts: Alerts;
  /** Writes what changed since it last was written. What fails is written with the next. */
  save(alerts: Alerts): Promise<void>;
}

/** Values alone are not worth a write: the next check has newer ones. */
const KEPT = ["metric", "phase", "since", "firedAt", "resolvedAt", "cause", "toldAt", "told", "silence"] as const;

/** `now`: when what is read is taken to have been known. Rejects where it can't be read. */
export async function openKeeper(store: AlertStore, now: number): Promise<Keeper> {
  const stored = await store.load();
  const alerts = new Map(stored.map((alert): [string, Alert] => [alert.id, { ...alert, knownAt: now }]));
  let onDisk: Alerts = alerts;
  return {
    alerts,
    async save(after) {
      const saved: StoredAlert[] = [];
      for (const alert of after.values()) {
        const was = onDisk.get(alert.id);
        if (was !== undefined && KEPT.every((key) => was[key] === alert[key])) continue;
        const { knownAt: _, ...row } = alert;
        saved.push(row);
      }
      const removed = [...onDisk.keys()].filter((id) => !after.has(id));
      if (saved.length + removed.length === 0) return;
      try {
        await store.save({ saved, removed });
        onDisk = after;
      } catch {
        // `storage.failing` has said so.
      }
    },
  };
}

export interface SetRules {
  readonly rules: readonly AlertRule[];
  /** The operator's token. */
  readonly by: string;
  readonly at: number;
}

/** Rules that can't be read any more are told of and left alone: the manifest's are better than none. */
export async function loadRules(
  store: AlertStore,
  readRules: (written: string) => readonly AlertRule[] | null,
  warn: (message: string) => void,
): Promise<SetRules | null> {
  const stored = await store.rules();
  if (stored === null) return null;
  const rules = readRules(stored.rules);
  if (rules !== null) return { rules, by: stored.by, at: stored.at };
  warn(`the rules of alerts that ${stored.by} set can't be read any more: those of the manifest are in force`);
  return null;
}
