import { expect, test } from "vitest";
import type { AdminServices } from "../../src/admin/services.ts";
import { breakerCommand } from "../../src/cli/breaker.ts";
import type { Io } from "../../src/cli/command.ts";
import { runCli } from "../../src/cli/program.ts";
import { routesCommand } from "../../src/cli/routes.ts";
import { statusCommand } from "../../src/cli/status.ts";
import { printable, table } from "../../src/cli/table.ts";
import { adminServices, breakerInfo, OPERATOR, startAdmin } from "../help/admin.ts";
import { storedJob, testDeliveries } from "../help/deliveries.ts";
import { appHealth, singleApp, testFailover } from "../help/failover.ts";
import { createIo } from "../help/io.ts";

async function run(line: string, services: Partial<AdminServices> = {}, given: Partial<Io> = {}) {
  const admin = await startAdmin(services);
  const io = createIo({ env: { OUTRIGGER_ADMIN: admin.url, OUTRIGGER_ADMIN_TOKEN: OPERATOR }, ...given });
  const code = await runCli(line.split(" "), io, [statusCommand, routesCommand, breakerCommand]);
  return { code, out: io.out(), err: io.err(), admin };
}

const breakers = (...list: ReturnType<typeof breakerInfo>[]): AdminServices["breakers"] => ({
  list: () => list,
  reset: () => "done",
  trip: () => "done",
});

test("status shows what runs at a glance, and the breakers that are not closed", async () => {
  const { code, out } = await run("status", {
    breakers: breakers(
      breakerInfo(),
      breakerInfo({ upstream: "backup", state: "open", until: Date.parse("2100-01-01") }),
    ),
  });
  expect(code).toBe(0);
  expect(out).toBe(
    [
      "outrigger 1.2.3 on Node v26.0.0, up 5s, ready",
      "proxy      127.0.0.1:8080",
      "admin      127.0.0.1:9090",
      "manifest   revision 3 (abc) by start, 2026-01-01T00:00:00.000Z",
      "routes     1",
      "apps       1 unknown",
      "breakers   1 closed, 1 open",
      "in flight  quiz 2",
      "spool      0 waiting, 0 dead, 64 KiB of 1 GiB",
      "",
      "ROUTE        UPSTREAM  STATE   SINCE                     UNTIL                     FAILURES",
      "quiz/winner  primary   closed  2026-01-01T00:00:00.000Z  -                         0 in a row, 0 of 0",
      "quiz/winner  backup    open    2026-01-01T00:00:00.000Z  2100-01-01T00:00:00.000Z  0 in a row, 0 of 0",
      "",
    ].join("\n"),
  );
});

test("status says what Redis is used for, and loudly when it is away", async () => {
  const redis = {
    server: "10.0.0.4:6379",
    up: true,
    since: 1_767_225_600_000,
    shared: ["breaker", "failover"],
  } as const;
  const { status } = adminServices();
  const shown = async (given: Partial<ReturnType<typeof status>["redis"]>): Promise<string> =>
    (await run("status", { status: () => ({ ...status(), redis: { ...redis, spool: true, ...given } }) })).out;
  expect(await shown({})).toContain("\nredis      10.0.0.4:6379, for spool, breaker, failover\n");
  expect(await shown({ up: false, spool: false })).toContain(
    "\nredis      AWAY since 2026-01-01T00:00:00.000Z: 10.0.0.4:6379, for breaker, failover; each replica goes by its own state\n",
  );
  expect(await shown({ up: false, shared: [] })).toContain(
    "10.0.0.4:6379, for spool; asynchronous calls are refused\n",
  );
});

test("status shows how many apps are how, and those that are not well or are served by a backup", async () => {
  const well = { ...singleApp("well"), status: "healthy" as const };
  const lost = appHealth({ app: "shop", status: "unhealthy", active: "primary", panic: true });
  const pinned = appHealth({ pinned: { upstream: "backup", by: "ops", at: 1_767_225_600_000 } });
  const { code, out } = await run("status", { failover: testFailover([well, pinned, lost]) });
  expect(code).toBe(0);
  expect(out).toContain("\napps       1 unhealthy, 1 degraded, 1 healthy, 1 pinned\n");
  expect(out.split("\n\n").slice(1)).toEqual([
    [
      "APP   STATUS        UPSTREAM  STANDING  HEALTH     LAST CHECK                TIME  FAILURES",
      "shop  unhealthy     primary   away      unhealthy  2026-01-01T00:00:02.000Z  -     12",
      "shop  unhealthy  *  backup    serving   healthy    2026-01-01T00:00:01.000Z  9ms   0",
    ].join("\n"),
    "no upstream of shop is well; requests are tried on primary all the same",
    [
      "APP   STATUS       UPSTREAM  STANDING  HEALTH     LAST CHECK                TIME  FAILURES",
      "quiz  degraded     primary   away      unhealthy  2026-01-01T00:00:02.000Z  -     12",
      "quiz  degraded  *  backup    serving   healthy    2026-01-01T00:00:01.000Z  9ms   0",
    ].join("\n"),
    "quiz is pinned to backup by ops since 2026-01-01T00:00:00.000Z; it chooses by health again with: outrigger failover release quiz\n",
  ]);
  expect((await run("status", { failover: testFailover([]) })).out).toContain("\napps       none\n");
});

test("status shows a refused reload: when, by whom, and the first problems", async () => {
  const { manifest } = adminServices();
  const problems = Array.from({ length: 7 }, (_, i) => `outrigger.yaml:${i + 1}:1 apps.a${i}: no\u001b[2J`);
  const rejection = { at: 1_767_225_600_000, by: "file", problems };
  const { code, out } = await run("status", { manifest: { ...manifest, rejection: () => rejection } });
  expect(code).toBe(0);
  expect(out).toContain(
    [
      "in flight  quiz 2",
      "spool      0 waiting, 0 dead, 64 KiB of 1 GiB",
      "",
      "the last reload was refused (by file, 2026-01-01T00:00:00.000Z); revision 3 stays in force:",
      ...[1, 2, 3, 4, 5].map((line) => `  outrigger.yaml:${line}:1 apps.a${line - 1}: no\\u001b[2J`),
      "  and 2 more; outrigger check FILE tells them all",
      "",
    ].join("\n"),
  );
  expect((await run("status")).out).not.toContain("refused");
});

test("status shows what waits in the spool and since when, and which routes want somebody to look", async () => {
  const deliveries = testDeliveries(
    storedJob({ state: "queued", reason: null }),
    storedJob({ id: "job-2" }),
    storedJob({ id: "job-3", state: "leased", reason: null }),
  );
  deliveries.pause("quiz", "winner", "ops\u001b[2J");
  const { code, out } = await run("status", { deliveries });
  expect(code).toBe(0);
  expect(out).toContain(
    [
      "spool      2 waiting, the oldest for 2h, 1 dead, 64 KiB of 1 GiB",
      "",
      "ROUTE        WAITING  DEAD  PARKED  SINCE                     BY",
      "quiz/winner  2        1     paused  2026-01-01T00:00:00.000Z  ops\\u001b[2J",
      "",
    ].join("\n"),
  );
  deliveries.info = { full: "bytes", bytes: 2 ** 30, oldestAgeMs: null, routes: [] };
  expect((await run("status", { deliveries })).out).toContain(
    "spool      2 waiting, 1 dead, 1 GiB of 1 GiB, full (max_bytes): new ones are refused\n",
  );
});

test("a spool that does not answer is said, and the rest is shown all the same", async () => {
  const deliveries = testDeliveries();
  deliveries.away = true;
  const { code, out } = await run("status", { deliveries });
  expect(code).toBe(0);
  expect(out).toContain("spool      does not answer\n");
  expect(JSON.parse((await run("status --json", { deliveries })).out)).toMatchObject({ spool: null, routes: 1 });
});

test("a sidecar that is not ready says why, with exit code 1", async () => {
  const { code, out } = await run("status", { ready: () => ({ ready: false, reasons: ["the process is stopping"] }) });
  expect(code).toBe(1);
  expect(out).toContain("not ready: the process is stopping");
});

test("--json prints the whole answer for programs", async () => {
  const { code, out } = await run("status --json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ ready: true, manifest: { revision: 3 }, in_flight: { quiz: 2 } });
  expect(JSON.parse((await run("routes --json")).out)).toMatchObject({ items: [{ app: "quiz" }] });
  expect(JSON.parse((await run("breaker list --json")).out)).toMatchObject({ items: [{ app: "quiz" }] });
  expect(JSON.parse((await run("breaker show quiz winner --json")).out)).toMatchObject({ app: "quiz" });
});

test("routes shows what each matches and where it goes, with the state of a breaker that is not closed", async () => {
  const [quiz] = adminServices().routes();
  if (quiz === undefined) throw new Error("no route");
  const shop = {
    ...quiz,
    app: "shop",
    fallback: [],
    match: { ...quiz.match, host: "h.example", methods: null, headers: [] },
  };
  const { out } = await run("routes", {
    routes: () => [shop, quiz],
    breakers: breakers(breakerInfo({ state: "open" })),
  });
  expect(out).toBe(
    [
      "ROUTE        MODE  MATCH                              TIMEOUT  TRIES  FALLBACK     UPSTREAMS",
      "quiz/winner  sync  POST /quiz/winner X-Event: winner  5s       2      random_pick  primary http://10.0.0.5:9000 (breaker open)",
      "shop/winner  sync  any h.example/quiz/winner          5s       2      none         primary http://10.0.0.5:9000",
      "",
    ].join("\n"),
  );
  expect((await run("routes --app shop", { routes: () => [shop, quiz] })).out).not.toContain("\nquiz/");
  expect((await run("routes", { routes: () => [] })).out).toBe("no routes\n");
});

test("routes marks the upstream with the traffic, where a route has several", async () => {
  const [quiz] = adminServices().routes();
  if (quiz === undefined) throw new Error("no route");
  const backup = { name: "backup", url: "http://10.0.0.6:9000", priority: 1 };
  const { out } = await run("routes", {
    routes: () => [{ ...quiz, upstreams: [...quiz.upstreams, backup] }],
    breakers: breakers(breakerInfo({ state: "open" }), breakerInfo({ upstream: "backup", state: "half_open" })),
    failover: testFailover([appHealth()]),
  });
  expect(out).toContain(
    "primary http://10.0.0.5:9000 (breaker open), backup http://10.0.0.6:9000 (active, breaker half_open)\n",
  );
});

test("a list longer than one part is shown whole", async () => {
  const many = Array.from({ length: 2_345 }, (_, i) => breakerInfo({ capability: `c${i}` }));
  const { out } = await run("breaker list --json", { breakers: breakers(...many) });
  expect(JSON.parse(out).items).toHaveLength(2_345);
});

test("colour is for terminals, and only where NO_COLOR does not forbid it", async () => {
  const open = { breakers: breakers(breakerInfo({ state: "open" })) };
  const coloured = "\u001b[31mopen\u001b[0m";
  const admin = await startAdmin(open);
  const env = { OUTRIGGER_ADMIN: admin.url, OUTRIGGER_ADMIN_TOKEN: OPERATOR };
  const shown = async (given: Partial<Io>): Promise<string> => {
    const io = createIo(given);
    await runCli(["breaker", "list"], io, [breakerCommand]);
    return io.out();
  };
  expect(await shown({ env, isTTY: true })).toContain(coloured);
  expect(await shown({ env, isTTY: false })).not.toContain("\u001b");
  expect(await shown({ env: { ...env, NO_COLOR: "1" }, isTTY: true })).not.toContain("\u001b");
});

test("what data holds for a terminal is shown, not obeyed", () => {
  expect(printable("a\u001b[2Jb\r\n\u202ec\u009bd")).toBe("a\\u001b[2Jb\\u000d\\u000a\\u202ec\\u009bd");
  const text = table(["A", "B"], [["x\u001b]0;owned\u0007", "y"]], null);
  expect(text).toBe(`A${" ".repeat(22)}B\nx\\u001b]0;owned\\u0007  y\n`);
});

test("a table fits the terminal: times lose their milliseconds, the widest text is cut, ids are whole; a pipe has all", () => {
  const id = "0198f2c4-7d3e-7abc-8def-0123456789ab";
  const head = ["ID", "AT", "ROUTE", "WHY"];
  const rows = [[id, "2026-01-01T00:00:00.123Z", "quiz/winner", "the app answered 422: no such room"]];
  expect(table(head, rows, null)).toContain("00:00.123Z  quiz/winner  the app answered 422: no such room\n");
  expect(table(head, rows, 106).split("\n")[1]).toBe(
    `${id}  2026-01-01T00:00:00Z  quiz/winner  the app answered 422: no such ro…`,
  );
  const narrow = table(head, rows, 80).trimEnd().split("\n");
  expect(narrow[1]).toBe(`${id}  2026-01-01T00:00:00Z  quiz/winn…  the app…`);
});
