import { expect, test } from "vitest";
import type { BreakerInfo, BreakerService } from "../../src/admin/services.ts";
import { breakerCommand } from "../../src/cli/breaker.ts";
import { runCli } from "../../src/cli/program.ts";
import { breakerInfo, OPERATOR, startAdmin } from "../help/admin.ts";
import { createIo } from "../help/io.ts";

async function run(line: string, breakers: BreakerService) {
  const admin = await startAdmin({ breakers });
  const io = createIo({ env: { OUTRIGGER_ADMIN: admin.url, OUTRIGGER_ADMIN_TOKEN: OPERATOR } });
  const code = await runCli(["breaker", ...line.split(" ")], io, [breakerCommand]);
  return { code, out: io.out(), err: io.err() };
}

function service(list: readonly BreakerInfo[], calls: unknown[] = []): BreakerService {
  return {
    list: () => list,
    reset: (...given) => {
      calls.push(given);
      return "done";
    },
    trip: (...given) => {
      calls.push(given);
      return "done";
    },
  };
}

test("list shows each upstream of each route, dry runs and switched off ones marked", async () => {
  const { code, out } = await run(
    "list",
    service([
      breakerInfo({ consecutiveFailures: 2, windowFailures: 3, windowTotal: 9, state: "half_open" }),
      breakerInfo({ upstream: "backup", dryRun: true }),
      breakerInfo({ app: "shop", enabled: false }),
    ]),
  );
  expect(code).toBe(0);
  expect(out.trimEnd().split("\n")).toEqual([
    "ROUTE        UPSTREAM  STATE      SINCE                     UNTIL  FAILURES",
    "quiz/winner  primary   half_open  2026-01-01T00:00:00.000Z  -      2 in a row, 3 of 9",
    "quiz/winner  backup    closed     2026-01-01T00:00:00.000Z  -      0 in a row, 0 of 0  dry run",
    "shop/winner  primary   disabled   2026-01-01T00:00:00.000Z  -      0 in a row, 0 of 0",
  ]);
  expect((await run("list", service([]))).out).toBe("no breakers\n");
  const two = service([breakerInfo(), breakerInfo({ app: "shop" })]);
  expect((await run("list --app shop", two)).out).not.toContain("quiz");
});

test("one that is open past its time is due for a trial, and keeps no route closed", async () => {
  const past = breakerInfo({ state: "open", until: Date.parse("2026-01-01T00:01:00Z") });
  expect((await run("list", service([past]))).out).toMatch(/ open +2026-01-01T00:00:00.000Z {2}due: next call /);
  const item = { open: false, upstreams: [{ state: "open", until: "2026-01-01T00:01:00.000Z", trial_due: true }] };
  expect(JSON.parse((await run("show quiz winner --json", service([past]))).out)).toMatchObject(item);
  const later = breakerInfo({ state: "open", until: Date.parse("2100-01-01") });
  expect(JSON.parse((await run("show quiz winner --json", service([later]))).out)).toMatchObject({
    open: true,
    upstreams: [{ trial_due: false }],
  });
});

test("show is for one route, and a route that is not there is said with what to try", async () => {
  expect((await run("show quiz winner", service([breakerInfo()]))).out).toContain("quiz/winner  primary");
  const missing = await run("show quiz nothing", service([]));
  expect(missing.code).toBe(1);
  expect(missing.err).toMatch(/no breaker for quiz\/nothing.*outrigger routes/s);
  expect((await run("show quiz ../manifest", service([]))).code).toBe(1);
});

test("reset and trip tell the sidecar, and show what became of it", async () => {
  const calls: unknown[] = [];
  const breakers = service([breakerInfo({ state: "open" })], calls);
  expect((await run("reset quiz winner", breakers)).code).toBe(0);
  expect((await run("trip quiz winner", breakers)).out).toContain("open");
  expect((await run("trip quiz winner --for 90s", breakers)).code).toBe(0);
  expect(calls).toEqual([
    ["quiz", "winner", "ops"],
    ["quiz", "winner", "ops", undefined],
    ["quiz", "winner", "ops", 90_000],
  ]);
});

test("reset of an app alone closes those of all its routes, and of no other app", async () => {
  const calls: unknown[] = [];
  const all = [breakerInfo(), breakerInfo({ capability: "answer" }), breakerInfo({ app: "shop" })];
  const { code, out } = await run("reset quiz", service(all, calls));
  expect(code).toBe(0);
  expect(calls).toEqual([
    ["quiz", "answer", "ops"],
    ["quiz", "winner", "ops"],
  ]);
  expect(out).toContain("quiz/answer");
  expect(out).toContain("quiz/winner");
  expect(out).not.toContain("shop");
  const missing = await run("reset nobody", service(all, calls));
  expect(missing).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/nobody.*outrigger breaker list/s) });
  expect(calls).toHaveLength(2);
});

test("a breaker that is switched off cannot be tripped, and the answer says which key to change", async () => {
  const { code, err } = await run("trip quiz winner", { ...service([]), trip: () => "disabled" });
  expect(code).toBe(1);
  expect(err).toContain("breaker.enabled: true");
});

test("wrong usage is exit code 2, with a hint", async () => {
  const breakers = service([]);
  expect(await run("trip quiz winner --for soon", breakers)).toMatchObject({
    code: 2,
    err: expect.stringContaining("--for 90s"),
  });
  expect((await run("reset", breakers)).code).toBe(2);
  expect((await run("trip quiz", breakers)).code).toBe(2);
  expect((await run("explode", breakers)).code).toBe(2);
});
