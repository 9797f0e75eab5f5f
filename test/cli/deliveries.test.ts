import { expect, test } from "vitest";
import type { JobQuery } from "../../src/core/job.ts";
import { VIEWER } from "../help/admin.ts";
import { AT, storedJob, testDeliveries } from "../help/deliveries.ts";
import { startRemote } from "../help/remote.ts";

test("list is a table of the newest first, and what came over the wire cannot move the cursor", async () => {
  const { run } = await startRemote(
    testDeliveries(
      storedJob({ detail: "no\u001b[2J" }),
      storedJob({ id: "job-2", state: "queued", reason: null, endedAt: null, dueAt: AT + 5_000, size: 1_536 }),
    ),
  );
  expect(await run("deliveries list")).toEqual({
    code: 0,
    err: "",
    out: [
      "ID     ROUTE        STATE   SINCE (UTC)          SENDS  WHY",
      "job-2  quiz/winner  queued  2026-01-01 00:00:00  1      due 2026-01-01 00:00:05",
      "job-1  quiz/winner  dead    2026-01-01 00:01:00  1      permanent_status: no\\u001b[2J",
      "",
    ].join("\n"),
  });
  expect((await run("deliveries list --state delivered")).out).toBe("no deliveries\n");
});

test("where the route of one that is queued waits, the list says for what", async () => {
  const queued = { state: "queued", reason: null, endedAt: null, dueAt: AT } as const;
  const deliveries = testDeliveries(storedJob(queued), storedJob({ ...queued, id: "job-2", capability: "other" }));
  const { run } = await startRemote(deliveries);
  expect((await run("pause quiz winner")).code).toBe(0);
  const { out } = await run("deliveries list");
  expect(out).toMatch(/^job-1 +quiz\/winner +queued .* parked: paused$/m);
  expect(out).toMatch(/^job-2 +quiz\/other +queued .* due 2026-01-01 00:00:00$/m);
});

test("one whose route waits is shown with what for, and until when where that is known", async () => {
  const queued = storedJob({ state: "queued", reason: null, endedAt: null, dueAt: AT });
  const deliveries = testDeliveries(queued, storedJob({ id: "dead" }));
  const { run } = await startRemote(deliveries);
  expect((await run("deliveries show job-1")).out).not.toContain("parked");
  expect((await run("pause quiz winner")).code).toBe(0);
  expect((await run("deliveries show job-1")).out).toContain(
    "\nparked     paused by ops since 2026-01-01T00:00:00.000Z\n",
  );
  expect((await run("deliveries show dead")).out).not.toContain("parked");
});

test("an app that neither manifest nor spool knows is refused as by apps, in lists and by tail", async () => {
  const { run } = await startRemote(testDeliveries(storedJob({ app: "former" })));
  const refused = {
    code: 1,
    out: "",
    err: "error: no such app: the manifest has no app shpo\nSee what there is with: outrigger apps\n",
  };
  for (const line of ["apps shpo", "deliveries list --app shpo", "dlq list --app shpo", "tail --app shpo"])
    expect(await run(line), line).toEqual(refused);
  for (const line of [
    "deliveries list --app quiz",
    "dlq list --app quiz",
    "deliveries list --app former --state queued",
  ])
    expect(await run(line), line).toEqual({ code: 0, out: "no deliveries\n", err: "" });
});

test("a row of the list is a line of a terminal of 120 columns, with the whole id; a pipe gets all of it", async () => {
  const id = "0198f2c4-7d3e-7abc-8def-0123456789ab";
  const name = { app: "a-very-long-name-of-an-app", capability: "and-one-of-a-capability" };
  const { run } = await startRemote(
    testDeliveries(
      storedJob({ id, ...name, detail: "x".repeat(300), reason: "verification_failed" }),
      storedJob({ id: id.replace("0", "1"), state: "cancelled", reason: "cancelled", detail: null }),
    ),
  );
  for (const list of ["deliveries list", "dlq list"]) {
    const lines = (await run(list, { columns: 120 })).out.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(120);
    expect(lines[2]).toMatch(new RegExp(`^${id}  a-very-long-name-of-…  dead .* verification_failed…$`));
    const piped = (await run(list)).out;
    expect(piped).toContain(`${id}  a-very-long-name-of-an-app/and-one-of-a-capability  dead `);
    expect(piped).toContain(`verification_failed: ${"x".repeat(300)}\n`);
    expect((await run(`${list} --json`)).out).toContain("x".repeat(300));
  }
  expect((await run(`dlq show ${id}`)).out).toContain("a-very-long-name-of-an-app/and-one-of-a-capability");
});

test("one that is verified is shown with what its app is asked and said last, to viewers without what is of a payload", async () => {
  const poll = {
    path: "/jobs/7",
    upstream: "primary",
    url: "http://10.0.0.5:9000",
    status: 200,
    since: AT,
    repeatable: true,
    polls: 3,
    last: '/state is "running"',
    until: AT + 60_000,
  };
  const given = { state: "verifying", reason: null, detail: null, endedAt: null, dueAt: AT + 1000, poll } as const;
  const record = { ...given, id: "call-1", origin: "sync", request: null, body: null } as const;
  const { run } = await startRemote(testDeliveries(storedJob(given), storedJob(record)));
  const asked = "asked 3 times until 2026-01-01T00:01:00.000Z";
  expect((await run("deliveries show job-1")).out).toContain(`GET /jobs/7 of primary, ${asked}: /state is "running"\n`);
  expect((await run(`deliveries show job-1 --token ${VIEWER}`)).out).toContain(`verifying  primary, ${asked}\n`);
  expect((await run("deliveries show call-1")).out).toContain("nothing is kept of its request");
  expect((await run("deliveries list")).out).toMatch(/job-1 +quiz\/winner +verifying .*due 2026/);
});

test("list is as long as --limit says, and tells when there are more", async () => {
  const jobs = Array.from({ length: 1_500 }, (_, i) => storedJob({ id: `job-${i}` }));
  const { run } = await startRemote(testDeliveries(...jobs));
  const some = await run("deliveries list --limit 2 --json");
  expect(JSON.parse(some.out)).toMatchObject({ items: [{ id: "job-1499" }, { id: "job-1498" }], more: true });
  expect(some.err).toContain("--limit 20");
  const all = await run("deliveries list --limit 5000 --json");
  expect(JSON.parse(all.out)).toMatchObject({ more: false, items: { length: 1_500 } });
  expect(all.err).toBe("");
  expect((await run("deliveries list")).out.trimEnd().split("\n")).toHaveLength(101);
});

test("each filter reaches the sidecar; a span is that long ago", async () => {
  const asked: JobQuery["filter"][] = [];
  const deliveries = testDeliveries();
  const { run } = await startRemote({
    ...deliveries,
    list: async ({ filter }) => {
      asked.push(filter);
      return { items: [], next: null };
    },
  });
  await run("deliveries list --app quiz --capability winner --state queued,dead --reason gone --request-id r-1");
  await run("deliveries list --since 10m --until 2026-01-01T01:00:30+01:00");
  expect(asked).toEqual([
    { app: "quiz", capability: "winner", states: ["queued", "dead"], reason: "gone", requestId: "r-1" },
    { since: AT, until: AT + 30_000 },
  ]);
});

test.each([
  ["deliveries list --state lost", "lost is no state", "queued, leased"],
  ["deliveries list --reason lost", "lost is no reason", "permanent_status"],
  ["deliveries list --since yesterday", "yesterday is no time", "--since 2h"],
  ["deliveries list --until 2026-01-01", "2026-01-01 is no time", "--until 2h"],
  ["deliveries list --since 9999999d", "9999999d is no time", "--since 2h"],
  ["deliveries list --limit 0", "0 is no limit", "--limit 1000"],
])("%s is wrong usage, said with what to try", async (line, wrong, hint) => {
  const { run } = await startRemote(testDeliveries());
  const { code, err } = await run(line);
  expect(code).toBe(2);
  expect(err).toContain(wrong);
  expect(err).toContain(hint);
});

test("show has the request, its payload and every send, for people and for programs", async () => {
  const { run } = await startRemote(testDeliveries(storedJob({ body: Buffer.from('{"a":1}\n\u001b[2J') })));
  const { code, out } = await run("deliveries show job-1");
  expect(code).toBe(0);
  expect(out).toBe(
    [
      "delivery job-1",
      "route      quiz/winner",
      "state      dead, permanent_status: the app answered 422",
      "accepted   2026-01-01T00:00:00.000Z (async), request request-1",
      "ended      2026-01-01T00:01:00.000Z",
      "sends      1, 1 counted",
      "order key  room-7",
      "request    POST /quiz/winner/7",
      "rest       /7?room=a&token=***",
      "from       10.0.0.9, for hooks.example",
      "",
      "headers",
      "  Content-Type: application/json",
      "  Authorization: ***",
      "  X-Hub-Signature-256: ***",
      "",
      "body, 12 B",
      '  {"a":1}',
      "  \\u001b[2J",
      "",
      "sends",
      "N  AT                        UPSTREAM  STATUS  RESULT             TIME",
      "0  2026-01-01T00:00:00.050Z  primary   422     permanent: status  12ms",
      "",
      "answer to send 0, 12 B",
      "  no such room",
      "",
    ].join("\n"),
  );
  expect(JSON.parse((await run("deliveries show job-1 --json")).out)).toMatchObject({
    id: "job-1",
    body_encoding: "text",
  });
});

test("show says what is not there: a payload that is gone, one that is for operators, and how much is left out", async () => {
  const { run } = await startRemote(
    testDeliveries(
      storedJob({ id: "long", body: Buffer.from("x".repeat(5_000)), state: "queued", reason: null, endedAt: null }),
      storedJob({ id: "bytes", body: Buffer.from([0xff]), inDoubt: true, tries: [] }),
      storedJob({ id: "gone", body: null, request: null, orderKey: null, tries: [] }),
    ),
  );
  const long = (await run("deliveries show long")).out;
  expect(long).toContain(`  ${"x".repeat(4_096)}\n  … (--json has all of it)\n`);
  expect(long).toContain("expires    2026-01-02T00:00:00.000Z");
  const bytes = (await run("deliveries show bytes")).out;
  expect(bytes).toContain("body, 1 B (in base64)\n  /w==\n");
  expect(bytes).toContain("in doubt: the app may have it");
  expect((await run("deliveries show gone")).out).toContain("its payload is gone");
  expect((await run(`deliveries show bytes --token ${VIEWER}`)).out).toContain("body, 1 B\n  for operators only\n");
});

test("cancel and resend show the delivery as it is then", async () => {
  const { run } = await startRemote(
    testDeliveries(storedJob({ id: "a", state: "queued", reason: null }), storedJob({ id: "b", state: "delivered" })),
  );
  expect((await run("deliveries cancel a")).out).toContain("a   quiz/winner  cancelled");
  expect(JSON.parse((await run("deliveries resend b --json")).out)).toMatchObject({ id: "b", state: "queued" });
});

test("what cannot be done is said with what to try", async () => {
  const deliveries = testDeliveries(storedJob());
  const { run } = await startRemote(deliveries);
  expect(await run("deliveries cancel job-1")).toMatchObject({
    code: 1,
    err: "error: not in this state: job-1 is dead: there is nothing to cancel\nLook at it with: outrigger deliveries show ID\n",
  });
  expect((await run("deliveries show nothing")).err).toContain("outrigger dlq list");
  expect((await run("deliveries list --app a/b")).err).toContain("query.app: a name of letters");
  expect(await run(`deliveries resend job-1 --token ${VIEWER}`)).toMatchObject({ code: 1 });
  deliveries.away = true;
  const away = await run("deliveries list");
  expect(away.code).toBe(1);
  expect(away.err).toContain("the spool does not answer");
});

test("pause and resume are about an app or one route, and say what is so then", async () => {
  const { run, admin } = await startRemote(testDeliveries());
  expect((await run("pause quiz winner")).out).toBe("quiz/winner is paused: its deliveries wait\n");
  expect((await run("resume quiz winner")).out).toBe("quiz/winner goes on\n");
  expect((await run("pause quiz")).out).toBe("quiz is paused: its deliveries wait\n");
  expect(JSON.parse((await run("resume quiz --json")).out)).toEqual({
    app: "quiz",
    capability: null,
    paused: false,
    app_paused: false,
  });
  expect(admin.audit).toHaveLength(4);
  await run("pause quiz");
  await run("pause quiz winner");
  expect((await run("resume quiz winner")).out).toBe(
    "quiz/winner is no longer paused by itself, and waits on: the whole app is paused (outrigger resume quiz)\n",
  );
  expect((await run("resume quiz")).out).toBe("quiz goes on\n");
  const unknown = await run("pause shop");
  expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining("outrigger routes") });
  expect((await run("pause")).code).toBe(2);
});
