import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** What ships for Prometheus and Grafana asks for series that a real sidecar has. */

const RULES = "deploy/prometheus/outrigger.rules.yml";
const DASHBOARD = "deploy/grafana/outrigger.json";

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}
interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

const rules = (parse(readFileSync(RULES, "utf8")) as Rules).groups.flatMap((group) => group.rules);
const { panels } = JSON.parse(readFileSync(DASHBOARD, "utf8")) as Dashboard;

let sidecar: Sidecar;
/** Each metric of a scrape with its labels, those of histograms by their three names. */
let series: Map<string, Set<string>>;

beforeAll(async () => {
  sidecar = await startSidecar(`
notify:
  channels: { hook: { type: http, url: "http://127.0.0.1:1/" } }
  routes: [{ on: [breaker.opened], to: [hook] }]
apps:
  quiz:
    owner: a@b.example
    upstreams: [{ name: primary, url: "http://127.0.0.1:1" }, { name: backup, url: "http://127.0.0.1:2", priority: 1 }]
    webhooks: { winner: { path: /w, breaker: { failures: 1 } }, later: { async: true, path: /l } }
`);
  await fetch(`${sidecar.url}/quiz/winner`, { method: "POST", body: "{}" });
  await fetch(`${sidecar.url}/quiz/later`, { method: "POST", body: "{}" });
  await sidecar.event("delivery.queued");
  const scrape = await (await fetch(`${sidecar.adminUrl}/metrics`)).text();
  series = new Map();
  for (const line of scrape.split("\n")) {
    const [, type, name] = /^# TYPE (?<name>\S+)/.test(line) ? ["", "", line.split(" ")[2] as string] : [];
    if (type !== undefined && name !== undefined && !series.has(name)) series.set(name, new Set());
    const [, sample, labels = ""] = /^([a-z0-9_]+)(?:\{(.*)\})? /.exec(line) ?? [];
    if (sample === undefined || line.startsWith("#")) continue;
    const known = series.get(sample) ?? new Set();
    for (const [, label] of labels.matchAll(/([a-z_]+)="/g)) known.add(label as string);
    series.set(sample, known);
  }
  for (const [name, labels] of [...series]) {
    // A family without a sample yet.
    for (const suffix of ["_bucket", "_sum", "_count"])
      if (!series.has(name + suffix)) series.set(name + suffix, new Set(labels));
  }
});
afterAll(() => sidecar.stop());

const asked = (expr: string): string[] => [...expr.matchAll(/\b(?:outrigger|nodejs|process)_[a-z0-9_]+/g)].map(String);

test.each(rules.map(({ alert, expr }) => [alert, expr]))("the rule %s asks for metrics that exist", (_, expr) => {
  expect(asked(expr).filter((name) => !series.has(name))).toEqual([]);
  // `up` is Prometheus's own.
  expect(asked(expr).length > 0 || expr.startsWith("up{")).toBe(true);
});

test("every panel of the Grafana dashboard asks for metrics that exist, by labels that they have", () => {
  for (const { title, targets } of panels) {
    for (const { expr } of targets) {
      const names = asked(expr);
      expect(names.length, title).toBeGreaterThan(0);
      for (const name of names) expect(series.has(name), `${title}: ${name}`).toBe(true);
      for (const [, name = "", matchers = ""] of expr.matchAll(/(outrigger_[a-z_]+)\{([^}]*)\}/g)) {
        const labels = series.get(name) as Set<string>;
        if (labels.size === 0) continue;
        for (const [, label = ""] of matchers.matchAll(/([a-z_]+)=~?/g))
          if (label !== "instance") expect([...labels], `${title}: ${name}`).toContain(label);
      }
    }
  }
});

test("no two panels lie on each other", () => {
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBeLessThanOrEqual(24);
});

test("every counter and gauge that the dashboard leaves out is left out on purpose", () => {
  const shown = new Set([
    ...panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => asked(expr))),
    ...rules.flatMap(({ expr }) => asked(expr)),
  ]);
  const ours = [...series.keys()].filter((name) => name.startsWith("outrigger_") && !/_(bucket|sum|count)$/.test(name));
  const missing = ours.filter(
    (name) => !shown.has(name) && !shown.has(`${name}_bucket`) && !shown.has(`${name}_count`),
  );
  expect(missing.toSorted()).toEqual([
    "outrigger_build_info",
    "outrigger_failover_seconds",
    "outrigger_manifest_info",
    "outrigger_spool_batch_jobs",
    "outrigger_verifications_total",
  ]);
});

const promtool = spawnSync("promtool", ["--version"]).status === 0;
if (!promtool) console.warn("promtool is not installed: the alert rules are not checked with it");

test.skipIf(!promtool && process.env.CI === undefined)(
  "promtool accepts the rules, and they fire as they should",
  () => {
    const checked = spawnSync("promtool", ["check", "rules", RULES], { encoding: "utf8" });
    expect(checked.stdout + checked.stderr).toContain(`SUCCESS: ${rules.length} rules found`);
    const tested = spawnSync("promtool", ["test", "rules", "test/deploy/rules.test.yml"], { encoding: "utf8" });
    expect(tested.stdout + tested.stderr).toContain("SUCCESS");
    expect(tested.status).toBe(0);
  },
);
