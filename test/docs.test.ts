import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { HEALTH_CODES } from "../src/admin/overall.reason.ts";
import { eventRecord } from "../src/core/event.record.ts";
import { EVENT_TYPES } from "../src/core/events.ts";
import { type FaultKind, faultStatus, PROXY_ERRORS } from "../src/core/fault.ts";
import { NOTICE_FIELDS } from "../src/core/notice.ts";
import { OUTCOMES, REASONS, STRATEGIES } from "../src/core/outcome.ts";
import { json, startTestApp } from "./help/app.ts";
import { EVENT_SAMPLES } from "./help/event.samples.ts";
import { manifestPage } from "./help/manifest.page.ts";
import { startSidecar } from "./help/sidecar.ts";

/** docs/reference.md names what the code has, and nothing else. */

const text = readFileSync("docs/reference.md", "utf8");

/** The table rows of a section, as cells; the name in the first without its backticks. */
function rows(section: string): string[][] {
  const [, body] = text.split(`\n## ${section}\n`);
  if (body === undefined) throw new Error(`docs/reference.md has no section ${section}`);
  return (body.split("\n## ")[0] ?? "")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .map(([name = "", ...rest]) => [name.replaceAll("`", ""), ...rest]);
}

const names = (section: string): string[] => rows(section).map(([name]) => name ?? "");
const sorted = (list: Iterable<string>): string[] => [...list].sort();

test.each([
  ["Outcomes", OUTCOMES],
  ["Reasons", REASONS],
  ["Proxy errors", PROXY_ERRORS],
  ["Fallback strategies", STRATEGIES],
  ["Events", EVENT_TYPES],
  ["History", HEALTH_CODES],
])("%s: each has one line, and no line names another", (section, known) => {
  expect(sorted(names(section))).toEqual(sorted(known));
});

test("each event has its line with every field that leaves the process, and no line names another", () => {
  const fields = (cell = ""): string[] => sorted(cell.replaceAll("`", "").split(", ").filter(Boolean));
  const known = Object.values(EVENT_SAMPLES).map((event) => {
    const { type, at: _, ...rest } = eventRecord(event);
    return [type, ...sorted(Object.keys(rest))];
  });
  expect(rows("Event fields").map(([type = "", cell]) => [type, ...fields(cell)])).toEqual(known);
  const all = new Set([...known.flat(), "type", "at", "from_url", "to_url", "count", "about"]);
  expect(NOTICE_FIELDS.filter((field) => !all.has(field))).toEqual([]);
});

test("each scheme of signatures, of what comes in and what goes out, has its line", () => {
  const known = new Set<string>();
  JSON.parse(readFileSync("config/outrigger.schema.json", "utf8"), (name, value: { anyOf?: { enum?: string[] }[] }) => {
    if (name === "verify" || name === "scheme") for (const word of value.anyOf?.[0]?.enum ?? []) known.add(word);
    return value;
  });
  known.delete("none");
  expect(sorted(new Set(names("Signatures")))).toEqual(sorted(known));
});

test("the status of each fault is the one its line says", () => {
  for (const [reason, status] of rows("Reasons")) {
    const own: number | undefined = faultStatus(reason as FaultKind);
    if (own !== undefined) expect([reason, status]).toEqual([reason, String(own)]);
  }
});

test("each metric of a real scrape has its line with its labels, and no line names another", async () => {
  const app = await startTestApp((got, res, n) => json(got.url === "/later" ? 422 : 500, {})(got, res, n));
  onTestFinished(() => app.stop());
  const sidecar = await startSidecar(`
redis: { url: "redis://127.0.0.1:1" }
notify: { channels: { hook: { type: http, url: "${app.url}" } }, routes: [{ on: [dlq.added], to: [hook] }] }
apps:
  quiz:
    owner: a@b.example
    upstreams: [{ name: dead, url: "http://127.0.0.1:1" }, { name: broken, url: "${app.url}", priority: 1 }]
    retry: { repeat: always, attempts: 3, initial: 1ms }
    webhooks:
      answer: { path: /answer, breaker: { failures: 2 }, fallback: { strategy: static, body: sorry } }
      later: { async: true, path: /later }
  calm: { owner: a@b.example, url: "${app.url}", rate_limit: { rps: 0.001, burst: 1 }, webhooks: { answer: /answer } }
`);
  onTestFinished(() => sidecar.stop());
  for (const path of ["quiz/answer", "quiz/later", "calm/answer", "calm/answer"])
    await (await fetch(`${sidecar.url}/${path}`, { method: "POST", body: "{}" })).text();
  await sidecar.event("dlq.added");
  await sidecar.event("failover");
  const scrape = await (await fetch(`${sidecar.adminUrl}/metrics`)).text();
  const metrics = [...scrape.matchAll(/^# TYPE (outrigger_\w+)/gm)].map(([, name]) => name ?? "");
  expect(sorted(names("Metrics"))).toEqual(sorted(metrics));
  const unseen: string[] = [];
  for (const [name = "", labels = ""] of rows("Metrics")) {
    const sample = new RegExp(`^${name}(?:_sum)?(?:\\{(.*)\\})? `, "m").exec(scrape);
    if (sample === null) unseen.push(name);
    const found = [...(sample?.[1] ?? "").matchAll(/(\w+)="/g)].map(([, label]) => label ?? "");
    if (sample !== null)
      expect([name, ...sorted(found)]).toEqual([name, ...sorted(labels.split(", ").filter(Boolean))]);
  }
  // A verification takes longer than this test should.
  expect(unseen).toEqual(["outrigger_verifications_total"]);
});

test("each command of --help has its line, and no line names another", () => {
  const commandsOf = (...of: string[]): string[] => {
    const help = execFileSync(process.execPath, ["src/main.ts", ...of, "--help"], { encoding: "utf8" });
    const listed = [...(help.split("Commands:\n")[1] ?? "").matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name ?? "");
    return listed.filter((name) => name !== "help").map((name) => [...of, name].join(" "));
  };
  const groups = ["alerts", "breaker", "deliveries", "dlq", "failover", "notifications", "notify", "spool"];
  const single = commandsOf().filter((name) => !groups.includes(name));
  expect(sorted(names("Commands"))).toEqual(sorted([...single, ...groups.flatMap((group) => commandsOf(group))]));
});

test("each endpoint of docs/openapi.json has its line, and no line names another", () => {
  const { paths } = JSON.parse(readFileSync("docs/openapi.json", "utf8")) as {
    paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
  const known = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(sorted(names("Admin endpoints"))).toEqual(sorted(known));
});

test("each endpoint that the pages write short is one below /api/v1/admin, but for those that the reference names", () => {
  const known = new Set(names("Admin endpoints").map((name) => name.replace(" /api/v1/admin/", " /")));
  const wrong = ["docs/reference.md", "CHANGELOG.md"].flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/`((?:GET|PUT|POST|DELETE) \/(?!api\/|\.outrigger\/)[^`\s]*)`/g)]
      .map(([, endpoint = ""]) => endpoint)
      .filter((endpoint) => !known.has(endpoint)),
  );
  expect(wrong).toEqual([]);
  expect(known.has("GET /livez") && known.has("GET /readyz") && known.has("GET /metrics")).toBe(true);
});

test("docs/manifest.md has a line for every key of the schema: after a change, run vitest with --update", async () => {
  const schema = readFileSync("config/outrigger.schema.json", "utf8");
  const page = manifestPage(JSON.parse(schema));
  // However the schema nests them: every name that stands in `properties` somewhere.
  const keys = new Set<string>();
  JSON.parse(schema, (name, value: unknown) => {
    if (name === "properties") for (const key of Object.keys(value as object)) keys.add(key);
    return value;
  });
  expect([...keys].filter((key) => !page.includes(`.${key}\``) && !page.includes(`- \`${key}\``))).toEqual([]);
  await expect(page).toMatchFileSnapshot("../docs/manifest.md");
});
