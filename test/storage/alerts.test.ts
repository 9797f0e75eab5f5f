import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { alertOf } from "../help/alerts.ts";
import { tempDir } from "./support.ts";

async function open(dataDir: string): Promise<Storage> {
  const storage = await openStorage({ dataDir, clock: systemClock, onEvent: () => undefined });
  onTestFinished(() => storage.close());
  return storage;
}

test("alerts and the rules that were set are as they were, through a restart", async () => {
  const { knownAt: _, ...firing } = alertOf({ value: 12.5 });
  const over = {
    ...firing,
    id: "dead",
    app: null,
    capability: null,
    phase: "resolved",
    resolvedAt: 5,
    cause: "too_few_samples",
    told: false,
    silence: { until: 9, by: "ops", reason: "known" },
  } as const;
  const dir = tempDir();
  const first = await open(dir);
  await first.history.alerts.save({ saved: [{ ...firing, value: 1 }, over, { ...firing, id: "gone" }], removed: [] });
  await first.history.alerts.save({ saved: [firing], removed: ["gone", "never"] });
  await first.history.alerts.setRules({ rules: "[1]", by: "ops", at: 6 });
  await first.history.alerts.setRules({ rules: "[]", by: "ops", at: 7 });
  await first.close();
  const { alerts } = (await open(dir)).history;
  expect(await alerts.load()).toEqual([firing, over]);
  expect(await alerts.rules()).toEqual({ rules: "[]", by: "ops", at: 7 });
  await alerts.setRules(null);
  expect(await alerts.rules()).toBe(null);
});

test("an alert about something that this version does not measure is left out", async () => {
  const { knownAt: _, ...alert } = alertOf();
  const dir = tempDir();
  const first = await open(dir);
  await first.history.alerts.save({ saved: [alert], removed: [] });
  await first.close();
  const db = new Sqlite(join(dir, "history.db"));
  db.exec("UPDATE alerts SET metric = 'moon_phase'");
  db.close();
  expect(await (await open(dir)).history.alerts.load()).toEqual([]);
});
