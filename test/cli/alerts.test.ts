import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AdminServices } from "../../src/admin/services.ts";
import { alertsCommand } from "../../src/cli/alerts.ts";
import { runCli } from "../../src/cli/program.ts";
import { systemClock } from "../../src/core/clock.ts";
import { OPERATOR, startAdmin, VIEWER } from "../help/admin.ts";
import { alertOf, testAlerts } from "../help/alerts.ts";
import { createIo } from "../help/io.ts";
import { tempDir } from "../storage/support.ts";

async function run(line: string, services: Partial<AdminServices> = {}, token = OPERATOR) {
  const admin = await startAdmin(services);
  const io = createIo({ env: { OUTRIGGER_ADMIN: admin.url, OUTRIGGER_ADMIN_TOKEN: token } });
  const code = await runCli(line.split(" "), io, [alertsCommand]);
  return { code, out: io.out(), err: io.err(), audit: admin.audit };
}

const lines = (text: string): string[] => text.trimEnd().split("\n");
const over = alertOf({
  id: "dead",
  rule: "dead",
  app: null,
  capability: null,
  phase: "resolved",
  resolvedAt: 1_767_225_700_000,
  summary: "all apps: 0 dead letters, well again",
});
const two = () => testAlerts([over, alertOf()]);

test("alerts list shows what fires first, then what was over lately", async () => {
  const { code, out } = await run("alerts list", { alerts: two() });
  expect(code).toBe(0);
  expect(lines(out)).toEqual([
    "STATE     SINCE                     ALERT                    WHAT",
    "firing    2026-01-01T00:00:00.000Z  low-success:quiz:winner  quiz/winner: success rate 80 % is below 95 %, over 1h (100 calls)",
    "resolved  2026-01-01T00:01:40.000Z  dead                     all apps: 0 dead letters, well again",
  ]);
  expect((await run("alerts list")).out).toBe("no alerts\n");
  expect((await run("alerts list --state pending --app quiz", { alerts: two() })).out).toBe("no pending alerts\n");
  expect(lines((await run("alerts list --state resolved", { alerts: two() })).out)).toHaveLength(2);
  const { items } = JSON.parse((await run("alerts list --json", { alerts: two() })).out) as { items: unknown[] };
  expect(items).toHaveLength(2);
});

test("alerts rules shows each with its bounds, and where they come from", async () => {
  expect(lines((await run("alerts rules")).out)).toEqual([
    "of the manifest; checked every 5m, repeated every 1h",
    "RULE         METRIC        TROUBLE   OVER  FOR  SAMPLES  ONLY",
    "low-success  success_rate  below 95  1h    -    20",
  ]);
  const set = testAlerts([], {
    rules: () => ({
      set: { by: "ops", at: 1_767_225_600_000 },
      interval: "1m",
      repeatEvery: "2h",
      rules: [
        { name: "odd", metric: "p95", below: "1ms", above: "5s", for: "1m", apps: ["quiz"], capabilities: ["winner"] },
        { name: "open", metric: "breaker_open" },
      ],
    }),
  });
  expect(lines((await run("alerts rules", { alerts: set })).out)).toEqual([
    "set by ops at 2026-01-01T00:00:00.000Z, in place of the manifest's; checked every 1m, repeated every 2h",
    "RULE  METRIC        TROUBLE              OVER  FOR  SAMPLES  ONLY",
    "odd   p95           below 1ms, above 5s  -     1m   -        quiz, winner",
    "open  breaker_open  any                  -     -    -",
  ]);
});

test("alerts silence and unsilence do so, and say how it is now", async () => {
  const alerts = two();
  const silenced = await run("alerts silence low-success:quiz:winner --for 2h --reason known", { alerts });
  expect([silenced.code, silenced.audit[0]?.action]).toEqual([0, "alert.silence"]);
  expect(silenced.out).toMatch(/silenced until \S+Z by ops$/m);
  const spoken = await run("alerts unsilence low-success:quiz:winner --json", { alerts });
  expect(JSON.parse(spoken.out)).toMatchObject({ id: "low-success:quiz:winner", silence: null });
});

test("what can't be done ends with 1, wrong usage with 2, each with a hint", async () => {
  const alerts = testAlerts([alertOf({ silence: { until: systemClock.wall() + 60_000, by: "ops", reason: null } })]);
  expect(await run("alerts silence nothing --for 1h", { alerts })).toMatchObject({
    code: 1,
    err: expect.stringMatching(/there is no nothing[\s\S]*outrigger alerts list/),
  });
  expect(await run("alerts unsilence low-success:quiz:winner", { alerts }, VIEWER)).toMatchObject({ code: 1 });
  expect(await run("alerts silence low-success:quiz:winner --for soon", { alerts })).toMatchObject({ code: 2 });
  expect(await run("alerts silence low-success:quiz:winner", { alerts })).toMatchObject({ code: 2 });
  expect(await run("alerts list --state loud", { alerts })).toMatchObject({ code: 2 });
});

test("alerts rules set puts those of a file in place, as YAML or as alerts rules --json printed them; reset takes them back", async () => {
  const set: unknown[] = [];
  let resets = 0;
  const alerts = testAlerts([], {
    setRules: async (rules) => {
      set.push(rules);
      return [];
    },
    resetRules: async () => {
      resets++;
      return true;
    },
  });
  const dir = tempDir();
  const [yaml, json] = [join(dir, "rules.yaml"), join(dir, "rules.json")];
  writeFileSync(yaml, "- { name: dead, metric: dlq_size, above: 10 }\n");
  writeFileSync(json, (await run("alerts rules --json")).out);
  expect(await run(`alerts rules set ${yaml}`, { alerts })).toMatchObject({
    code: 0,
    audit: [{ action: "alerts.rules", by: "ops" }],
  });
  expect((await run(`alerts rules set ${json} --json`, { alerts })).out).toContain('"source"');
  expect(set).toEqual([
    [{ name: "dead", metric: "dlq_size", above: 10 }],
    [{ name: "low-success", metric: "success_rate", below: 95, over: "1h", min_samples: 20 }],
  ]);
  expect(await run("alerts rules reset", { alerts })).toMatchObject({ code: 0 });
  expect(resets).toBe(1);
});

test("rules that are none are refused with what is wrong, and a viewer may set none", async () => {
  const dir = tempDir();
  const [text, odd] = [join(dir, "text"), join(dir, "odd.yaml")];
  writeFileSync(text, "not: [a list");
  writeFileSync(odd, "- { name: dead, metric: nothing }");
  expect((await run(`alerts rules set ${join(dir, "away")}`)).err).toContain("cannot be read");
  expect((await run(`alerts rules set ${text}`)).err).toContain("cannot be read");
  const alerts = testAlerts([], { setRules: async () => [{ path: [0, "metric"], message: "unknown metric" }] });
  expect(await run(`alerts rules set ${odd}`, { alerts })).toMatchObject({
    code: 1,
    err: expect.stringContaining("unknown metric"),
  });
  expect((await run(`alerts rules set ${odd}`, {}, VIEWER)).code).toBe(1);
});
