import { expect, test } from "vitest";
import type { AdminServices } from "../../src/admin/services.ts";
import type { Io } from "../../src/cli/command.ts";
import { healthCommand } from "../../src/cli/health.ts";
import { metricsCommand } from "../../src/cli/metrics.ts";
import { runCli } from "../../src/cli/program.ts";
import { samplesCommand } from "../../src/cli/samples.ts";
import { sparkline } from "../../src/cli/spark.ts";
import { adminServices, breakerInfo, OPERATOR, startAdmin } from "../help/admin.ts";
import { testCalls } from "../help/calls.ts";
import { createIo } from "../help/io.ts";
import { createManualClock } from "../help/manual-clock.ts";

const NOON = Date.parse("2026-03-04T12:00:00Z");

function history() {
  const clock = createManualClock(NOON);
  return { clock, ...testCalls(clock) };
}

async function run(line: string, services: Partial<AdminServices>, given: Partial<Io> = {}) {
  const admin = await startAdmin(services);
  const io = createIo({ env: { OUTRIGGER_ADMIN: admin.url, OUTRIGGER_ADMIN_TOKEN: OPERATOR }, ...given });
  const clock = services.clock ?? createManualClock(NOON);
  const code = await runCli(line.split(" "), io, [metricsCommand(clock), samplesCommand, healthCommand]);
  return { code, out: io.out(), err: io.err() };
}

test("metrics shows each app, and the whole, with how calls went over time", async () => {
  const { clock, calls, called } = history();
  called("quiz/winner", { durationMs: 8 }, 3);
  clock.advance(59 * 60_000);
  called("quiz/winner", { durationMs: 2000, outcome: "failed", reason: "timeout", status: 504 });
  const { code, out } = await run("metrics", { clock, calls });
  expect(code).toBe(0);
  const [head, , titles, ...rows] = out.trimEnd().split("\n");
  expect(head).toBe("all apps, 2026-03-04T11:59 to 2026-03-04T13:00 UTC, steps of 1m");
  expect(titles).toMatch(/^APP +CALLS +SUCCESS +TIMEOUTS +P50 +P95 +P99 +CALLS OVER TIME$/);
  expect(rows).toEqual([
    expect.stringMatching(/^quiz +4 +75% +25% +8\.0\d?ms +\d+ms +\d+ms +█·+▃$/),
    expect.stringMatching(/^in all +4 +75% +25% +8\.0\d?ms +\d+ms +\d+ms +█·+▃$/),
  ]);
});

test("metrics of an app shows its routes, and of a route how it went; --json is what the API answers", async () => {
  const { clock, calls, called } = history();
  called("quiz/winner", { outcome: "failed", reason: "timeout", status: 504, durationMs: 20_000 }, 2);
  const byRoute = await run("metrics quiz --window 24h", { clock, calls });
  expect(byRoute.out).toMatch(/^quiz, .*steps of 1h\n\nROUTE .*\nquiz\/winner +2 +0% +100%/);
  const one = await run("metrics quiz winner --from 2h --step 30m", { clock, calls });
  expect(one.out).toMatch(/^quiz\/winner, 2026-03-04T10:00 to 2026-03-04T12:30 UTC, steps of 30m\n/);
  expect(one.out).toMatch(/outcomes {2}failed 2\n/);
  expect(one.out).toMatch(/\ntimeouts +····█ +2\n/);
  const json = await run("metrics quiz winner --json", { clock, calls });
  expect(JSON.parse(json.out)).toMatchObject({ app: "quiz", capability: "winner", total: { count: 2 } });
});

test("metrics asked wrongly says what to try", async () => {
  const { clock, calls } = history();
  expect(await run("metrics --from noon", { clock, calls })).toMatchObject({
    code: 2,
    err: expect.stringContaining("noon is no time"),
  });
  expect(await run("metrics --window 3h", { clock, calls })).toMatchObject({
    code: 2,
    err: "error: 3h is none of 1h, 24h, 7d\nTry: --from 3h\n",
  });
  expect(await run("metrics --step 7m", { clock, calls })).toMatchObject({
    code: 1,
    err: expect.stringContaining("must divide an hour"),
  });
  expect((await run("metrics quiz never", { clock, calls })).code).toBe(1);
});

test("samples of a route of which none failed says so, not that there are none", async () => {
  const { clock, calls, called } = history();
  called("quiz/winner", {});
  await calls.stop();
  expect((await run("samples quiz winner --failures", { clock, calls })).out).toBe("no failed calls are kept\n");
});

test("samples shows single calls, and how to see more", async () => {
  const { clock, calls, called } = history();
  called("quiz/winner", { id: "first" });
  called("quiz/winner", { id: "second", outcome: "failed", reason: "connect", status: 502, durationMs: 123 });
  await calls.stop();
  const { code, out, err } = await run("samples quiz winner --limit 1", { clock, calls });
  expect([code, out.trimEnd().split("\n")]).toEqual([
    0,
    [
      "AT                        OUTCOME  ERROR    STATUS  TOOK   SENDS  REQUEST",
      "2026-03-04T12:00:00.000Z  failed   connect  502     123ms  1      second",
    ],
  ]);
  expect(err).toContain("--limit 10");
  const failures = await run("samples quiz winner --failures --json", { clock, calls });
  expect(JSON.parse(failures.out).items).toMatchObject([{ request_id: "second" }]);
  expect((await run("samples quiz winner --limit none", { clock, calls })).code).toBe(2);
});

test("health says why, and ends with 1 unless all is well", async () => {
  expect(await run("health", {})).toEqual({ code: 0, out: "healthy\n", err: "" });
  const breakers = { ...adminServices().breakers, list: () => [breakerInfo({ state: "open" })] };
  const { code, out } = await run("health", { breakers });
  expect([code, out]).toEqual([
    1,
    "degraded\n● The breaker of quiz/winner on upstream primary is open since 2026-01-01T00:00:00.000Z.\n",
  ]);
});

test.each([
  [[0, 1, 2, 4, 8], 10, "·▂▃▅█"],
  [[], 10, ""],
  [[0, null, 0], 10, "···"],
  [[5, 5], 10, "██"],
  [[1, 8, 0, 0, 8, 1], 3, "█·█"],
])("a sparkline of %j in %i columns is %s", (values, width, line) => {
  expect(sparkline(values, width)).toBe(line);
});
