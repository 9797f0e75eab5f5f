import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PagesRig, startPagesRig } from "../help/pages.rig.ts";
import { inlineCommands, PAGES, type ShellLine, shellLines } from "../help/pages.ts";

/** Every command in the pages does what it is shown for, in their order, at a sidecar with a failing app. */

/** Those that end with another code than 0, and why. */
const FINDS: Readonly<Record<string, string>> = {
  "outrigger health": "an alert fires and deliveries die, so all is not well",
  "outrigger dlq retry --app quiz": "without --yes it counts",
  "outrigger dlq delete --app quiz --reason permanent_status": "without --yes it counts",
};

/** What some of them say, so that they do not succeed at nothing. */
const SAYS: readonly (readonly [string, RegExp])[] = [
  ["outrigger explain", /^quiz\/winner_selection {2}sync/],
  ["outrigger status", /quiz\/analytics +\d+ +[1-9]/],
  ["outrigger health", /dead-letter queue/],
  ["outrigger alerts list", /^firing .* low-success:quiz:winner_selection/m],
  ["outrigger alerts silence", /silenced until/],
  ["outrigger notify test", /^chat +sent +200/m],
  ["outrigger notifications list", /low-success of quiz\/winner_selection|a delivery is dead/],
  ["outrigger notifications read", /^read by +ops/m],
  ["outrigger metrics", /^quiz +[1-9]|^[1-9]\d* +/m],
  ["outrigger dlq list", /permanent_status/],
  ["outrigger dlq show", /the app answered 422/],
  ["outrigger dlq retry", /^[1-9]\d* deliver|queued again/],
  ["outrigger dlq export", /^[1-9]\d* deliver/],
  ["outrigger dlq import", /[1-9]\d* there already/],
  ["outrigger dlq delete", /^[1-9]\d* deliver/],
  ["outrigger failover switch", /pinned to backup/],
  ["outrigger breaker trip", / open /],
  ["outrigger breaker reset", / closed /],
  ["outrigger pause", /is paused/],
  ["outrigger resume", /goes on/],
  ["outrigger spool backup", /copied to/],
  ["outrigger tail", /quiz\/analytics/],
];

/** What is not run here, by its first words, and what runs it. */
const ELSEWHERE: readonly (readonly [string, string])[] = [
  ["npm ci && npm run demo", "test/cli/demo.run.test.ts"],
  ["npm ci && npm test", "this is it"],
  ["node -e", "test/docs/quickstart.test.ts"],
  ["outrigger serve -c my.yaml", "test/docs/quickstart.test.ts"],
  ["mkdir -m 700 drill", "test/docs/drill.test.ts"],
  ["outrigger serve -c drill.yaml", "test/docs/drill.test.ts"],
  ["outrigger deliveries list -c drill.yaml", "test/docs/drill.test.ts"],
  ["outrigger dlq list -c drill.yaml", "test/docs/drill.test.ts"],
  ["curl -i --unix-socket", "test/docs/quickstart.test.ts"],
  ["outrigger check --redis", "test/cli/check.redis.test.ts"],
  ["outrigger spool move", "test/app/move.test.ts"],
];

const isElsewhere = ({ line, words }: ShellLine): boolean =>
  ELSEWHERE.some(([start]) => line.startsWith(start) || words.join(" ").startsWith(start));

const lines = PAGES.flatMap(shellLines);
const here = lines.filter((line) => !isElsewhere(line));
const curl = spawnSync("curl", ["--version"]).status === 0;
if (!curl) console.warn("curl is not installed: the curl lines of the pages are not run");

let rig: PagesRig;
beforeAll(async () => {
  rig = await startPagesRig();
});
afterAll(() => rig.stop());

test.each(here.filter(({ words }) => words[0] === "outrigger"))("$page: $line", async (line) => {
  const { code, out, err } = await rig.run(line);
  const finds = Object.hasOwn(FINDS, line.words.join(" "));
  expect(`${code}: ${err}`).toMatch(finds ? /^1: / : /^0: /);
  const said = out + err;
  expect(said).not.toBe("");
  for (const [start, says] of SAYS) if (line.words.join(" ").startsWith(start)) expect(said).toMatch(says);
});

test.skipIf(!curl).each(here.filter(({ words }) => words[0] === "curl"))("$page: $line", async (line) => {
  const { code, out, err } = await rig.curl(line);
  expect(`${code}: ${err}`).toBe("0: ");
  expect(out).toMatch(
    line.line.endsWith("/quiz/analytics") ? /^HTTP\/1.1 202 [\s\S]*^Location: \/.outrigger\//m : /^HTTP\/1.1 200 /,
  );
});

test("nothing in a shell block is left out but what another test runs, and no exception is left over", () => {
  const known = ["outrigger", "curl"];
  expect(here.filter(({ words }) => !known.includes(words[0] ?? "")).map(({ line }) => line)).toEqual([]);
  const unused = ELSEWHERE.filter(
    ([start]) => !lines.some((line) => isElsewhere(line) && `${line.line}\n${line.words.join(" ")}`.includes(start)),
  );
  expect(unused).toEqual([]);
  const run = new Set(here.map(({ words }) => words.join(" ")));
  expect(Object.keys(FINDS).filter((line) => !run.has(line))).toEqual([]);
});

test("each command that running text names is one of the reference", () => {
  const [, table = ""] = readFileSync("docs/reference.md", "utf8").split("\n## Commands\n");
  const known = [...(table.split("\n## ")[0] ?? "").matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => `${name} `);
  const wrong = PAGES.flatMap((page) => inlineCommands(page).map((words) => `${words.join(" ")} `))
    .filter((words) => words !== "COMMAND ")
    .filter((words) => !known.some((name) => words.startsWith(name) || name.startsWith(words)));
  expect(wrong).toEqual([]);
});
