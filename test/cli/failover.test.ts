import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { AdminServices } from "../../src/admin/services.ts";
import { appsCommand } from "../../src/cli/apps.ts";
import type { Io } from "../../src/cli/command.ts";
import { failoverCommand } from "../../src/cli/failover.ts";
import { runCli } from "../../src/cli/program.ts";
import { systemClock } from "../../src/core/clock.ts";
import { openStorage, type Storage } from "../../src/storage/storage.ts";
import { OPERATOR, startAdmin, VIEWER } from "../help/admin.ts";
import { appHealth, newMove, singleApp, testFailover, upstreamHealth } from "../help/failover.ts";
import { createIo } from "../help/io.ts";
import { createManualClock } from "../help/manual-clock.ts";

const AT = 1_767_225_600_000;

async function run(line: string, services: Partial<AdminServices>, given: Partial<Io> = {}, token = OPERATOR) {
  const admin = await startAdmin(services);
  const io = createIo({ env: { OUTRIGGER_ADMIN: admin.url, OUTRIGGER_ADMIN_TOKEN: token }, ...given });
  const code = await runCli(line.split(" "), io, [appsCommand, failoverCommand]);
  return { code, out: io.out(), err: io.err() };
}

const two = () => testFailover([singleApp("shop"), appHealth()]);
const lines = (text: string): string[] => text.trimEnd().split("\n");

async function storage(): Promise<Storage> {
  const dataDir = mkdtempSync(join(tmpdir(), "outrigger-cli-"));
  const opened = await openStorage({ dataDir, clock: systemClock, onEvent: () => {} });
  onTestFinished(async () => {
    await opened.close();
    rmSync(dataDir, { recursive: true });
  });
  return opened;
}

test("apps shows each app with its status, and each upstream with its last check, that with the traffic marked", async () => {
  const { code, out } = await run("apps", { failover: two() });
  expect(code).toBe(0);
  expect(lines(out)).toEqual([
    "APP   STATUS       UPSTREAM  STANDING  HEALTH     LAST CHECK                TIME  FAILURES",
    "quiz  degraded     primary   away      unhealthy  2026-01-01T00:00:02.000Z  -     12",
    "quiz  degraded  *  backup    serving   healthy    2026-01-01T00:00:01.000Z  9ms   0",
    "shop  unknown   *  primary   serving   unknown    -                         9ms   0",
  ]);
  expect((await run("apps", { failover: testFailover([]) })).out).toBe("no apps\n");
});

test("apps of one app tells each upstream's standing, last check and why, what the app said, and its calls", async () => {
  const health = appHealth();
  const waiting = upstreamHealth({
    upstream: "third",
    standing: "returning",
    cause: "success_rate",
    lastCheck: null,
    lastFailure: { at: AT, reason: "status", status: 503, detail: null },
    samples: 0,
    wellSince: AT,
    returnsAt: AT + 30_000,
  });
  const { code, out } = await run("apps quiz", {
    failover: testFailover([{ ...health, upstreams: [...health.upstreams, waiting] }]),
  });
  expect(code).toBe(0);
  expect(lines(out).slice(5)).toEqual([
    "primary http://10.0.0.5:9000",
    "standing   away since 2026-01-01T00:00:00.000Z (hang)",
    "last check 2026-01-01T00:00:02.000Z: unhealthy, no answer in 1000ms (connect, connection_refused, connect ECONNREFUSED 10.0.0.5:9000)",
    "calls      none lately",
    "",
    "backup http://10.0.0.6:9000",
    "standing   serving since 2026-01-01T00:00:00.000Z",
    "last check 2026-01-01T00:00:01.000Z: healthy, 200 in 12ms",
    'details    {"status":"ok","queue":3}',
    "calls      40 lately, 9ms on average, 97.5 % well",
    "",
    "third http://10.0.0.5:9000",
    "standing   returning since 2026-01-01T00:00:00.000Z (success_rate)",
    "last check none yet",
    "calls      none lately",
    "last error 2026-01-01T00:00:00.000Z: status, 503",
    "well since 2026-01-01T00:00:00.000Z",
    "returns at 2026-01-01T00:00:30.000Z",
  ]);
});

test("apps of one app says where its calls know better than its last check", async () => {
  const ofCheck = upstreamHealth().lastCheck;
  if (ofCheck === null) throw new Error("no check");
  const told = async (status: "healthy" | "unhealthy", checked: "healthy" | "unhealthy") => {
    const upstream = upstreamHealth({ status, lastCheck: { ...ofCheck, status: checked } });
    const { out } = await run("apps quiz", { failover: testFailover([appHealth({ upstreams: [upstream] })]) });
    return lines(out).find((line) => line.startsWith("last check"));
  };
  expect(await told("unhealthy", "healthy")).toMatch(/: healthy, 200 in 12ms; calls since then failed$/);
  expect(await told("healthy", "unhealthy")).toMatch(/: unhealthy, 200 in 12ms; calls since then went well$/);
  expect(await told("healthy", "healthy")).toMatch(/: healthy, 200 in 12ms$/);
});

test("a pin and a panic are said under the table, with what ends the pin", async () => {
  const pinned = appHealth({ pinned: { upstream: "backup", by: "ops", at: AT } });
  const lost = appHealth({ app: "shop", status: "unhealthy", active: "primary", panic: true });
  for (const line of ["apps", "failover show"]) {
    const { out } = await run(line, { failover: testFailover([pinned, lost]) });
    expect(lines(out).slice(-3), line).toEqual([
      "",
      "quiz is pinned to backup by ops since 2026-01-01T00:00:00.000Z; it chooses by health again with: outrigger failover release quiz",
      "no upstream of shop is well; requests are tried on primary all the same",
    ]);
  }
});

test("what an app says of itself is shown to a terminal, never obeyed, and only so much of it", async () => {
  const check = upstreamHealth().lastCheck;
  if (check === null) throw new Error("no check");
  const upstream = upstreamHealth({
    lastCheck: {
      ...check,
      detail: "\u001b[2Jgone\u202e",
      details: { "\u009bkey": "\u0007\u202e", long: "x".repeat(3_000) },
    },
  });
  const { out } = await run("apps quiz", { failover: testFailover([appHealth({ upstreams: [upstream] })]) });
  expect(out).toContain("(\\u001b[2Jgone\\u202e)");
  expect(out).toContain('details    {"\\u009bkey":"\\u0007\\u202e","long":"xxx');
  expect(out).toContain("x… (--json has all of it)\n");
  expect(out.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  expect(out.length).toBeLessThan(3_000);
});

test("failover show tells where the traffic of each app goes, how each upstream stands and how long its hold still is", async () => {
  const clock = createManualClock(AT + 10_000);
  const away = upstreamHealth({ standing: "away", cause: "consecutive_failures", returnsAt: AT + 85_000 });
  const health = appHealth({ upstreams: [away, upstreamHealth({ upstream: "backup", active: true })] });
  const { code, out } = await run("failover show", { clock, failover: testFailover([singleApp("shop"), health]) });
  expect(code).toBe(0);
  expect(lines(out)).toEqual([
    "APP      UPSTREAM  STANDING  HEALTH   SINCE                     CAUSE                 HOLD LEFT",
    "quiz     primary   away      healthy  2026-01-01T00:00:00.000Z  consecutive_failures  1m 15s",
    "quiz  *  backup    serving   healthy  2026-01-01T00:00:00.000Z  -                     -",
    "shop  *  primary   serving   unknown  2026-01-01T00:00:00.000Z  -                     -",
  ]);
  expect((await run("failover show", { failover: testFailover([]) })).out).toBe("no apps\n");
});

test("failover show of one app tells each time its traffic moved, and how to see more", async () => {
  const { history, flush } = await storage();
  history.addMove(newMove());
  history.addMove(
    newMove({ kind: "failback", from: "backup", to: "primary", reason: "recovered", durationMs: 95_000 }),
  );
  history.addMove(newMove({ from: null, reason: "operator", by: "ops\u001b[2J", durationMs: 0 }));
  await flush();
  const failover = testFailover([appHealth(), singleApp("shop")], history);
  const all = await run("failover show quiz", { failover });
  expect(all).toMatchObject({ code: 0, err: "" });
  expect(lines(all.out).slice(4)).toEqual([
    "AT                        MOVE      FROM     TO       REASON     TOOK    BY",
    "2026-01-01T00:00:00.000Z  failover  -        backup   operator   0ms     ops\\u001b[2J",
    "2026-01-01T00:00:00.000Z  failback  backup   primary  recovered  1m 35s",
    "2026-01-01T00:00:00.000Z  failover  primary  backup   hang       812ms",
  ]);
  const some = await run("failover show quiz --limit 2", { failover });
  expect(lines(some.out)).toHaveLength(lines(all.out).length - 1);
  expect(some.err).toBe("there are more moves: see them with --limit 20\n");
  expect((await run("failover show shop", { failover })).out).toContain("\nits traffic never moved\n");
  failover.away = true;
  const away = await run("failover show quiz", { failover });
  expect(away).toMatchObject({ code: 0, err: expect.stringContaining("the history does not answer") });
  expect(away.out).toContain("quiz  *  backup");
});

test("switch and release tell the sidecar, and show what became of it", async () => {
  const failover = two();
  const switched = await run("failover switch quiz primary", { failover });
  expect(switched.code).toBe(0);
  expect(switched.err).toBe(
    "warning: primary is unhealthy: calls go there all the same, until it is released or switched again\n",
  );
  expect(lines(switched.out).slice(1)).toEqual([
    "quiz  *  primary   away      unhealthy  2026-01-01T00:00:00.000Z  hang   -",
    "quiz     backup    serving   healthy    2026-01-01T00:00:00.000Z  -      -",
    "",
    "quiz is pinned to primary by ops since 2026-01-01T00:00:05.000Z; it chooses by health again with: outrigger failover release quiz",
  ]);
  const released = await run("failover release quiz", { failover });
  expect(released).toMatchObject({ code: 0, err: "" });
  expect((await run("failover switch quiz backup", { failover: two() })).err).toBe("");
  expect(released.out).not.toContain("pinned");
  expect(failover.calls).toEqual([
    ["switch", "quiz", "primary", "ops"],
    ["release", "quiz", "ops"],
  ]);
});

test("what cannot be done says why, what there is and what to try", async () => {
  const failover = two();
  const said = async (line: string, token?: string): Promise<[number, string]> => {
    const { code, err } = await run(line, { failover }, {}, token);
    return [code, err];
  };
  const noApp = "error: no such app: the manifest has no app chess\nSee what there is with: outrigger apps\n";
  for (const line of ["apps chess", "failover show chess", "failover switch chess backup", "failover release chess"])
    expect(await said(line), line).toEqual([1, noApp]);
  expect(await said("failover switch quiz tertiary")).toEqual([
    1,
    "error: no such upstream: quiz has no tertiary, but primary, backup\n" +
      "Choose one of those: outrigger failover switch APP UPSTREAM\n",
  ]);
  expect(await said("failover switch shop primary")).toEqual([1, expect.stringContaining("Give it a second one")]);
  expect(await said("failover release quiz")).toEqual([1, expect.stringContaining("outrigger failover show APP")]);
  expect(await said("failover switch quiz backup", VIEWER)).toEqual([1, expect.stringContaining("an operator")]);
});

test("wrong usage is exit code 2, with a hint", async () => {
  const failover = two();
  expect(await run("failover show quiz --limit none", { failover })).toMatchObject({
    code: 2,
    err: expect.stringContaining("--limit 100"),
  });
  expect((await run("failover show quiz --limit 1001", { failover })).code).toBe(2);
  for (const line of ["failover switch quiz", "failover release", "failover move quiz", "apps quiz shop"])
    expect((await run(line, { failover })).code, line).toBe(2);
});

test("--json prints the whole answer for programs", async () => {
  const services = { failover: two() };
  const parsed = async (line: string): Promise<unknown> => JSON.parse((await run(line, services)).out);
  expect(await parsed("apps --json")).toMatchObject({ items: [{ app: "quiz", active: "backup" }, { app: "shop" }] });
  expect(await parsed("apps quiz --json")).toMatchObject({
    upstreams: [{}, { last_check: { details: { queue: 3 } } }],
  });
  expect(await parsed("failover show --json")).toMatchObject({ items: [{ app: "quiz" }, { app: "shop" }] });
  expect(await parsed("failover show quiz --json")).toMatchObject({ app: "quiz", moves: { items: [], next: null } });
  expect(await parsed("failover switch quiz primary --json")).toMatchObject({ pinned: { upstream: "primary" } });
  expect(await parsed("failover release quiz --json")).toMatchObject({ pinned: null });
});

test("tables of the longest words and names of sixteen letters fit 120 columns", async () => {
  const { history, flush } = await storage();
  const app = "a".repeat(16);
  const upstream = "u".repeat(16);
  history.addMove(
    newMove({ app, from: upstream, to: upstream, reason: "consecutive_failures", by: app, durationMs: 59_999 }),
  );
  await flush();
  const worst = upstreamHealth({
    upstream,
    standing: "returning",
    cause: "consecutive_failures",
    status: "unhealthy",
    active: true,
    consecutiveFailures: 1_000_000,
    responseMs: 123_456,
    returnsAt: AT,
  });
  const health = appHealth({ app, status: "unhealthy", upstreams: [worst] });
  const failover = testFailover([health], history);
  for (const line of ["apps", "failover show", `failover show ${app}`]) {
    const { out } = await run(line, { failover });
    expect(Math.max(...lines(out).map((one) => one.length)), line).toBeLessThanOrEqual(120);
  }
});
