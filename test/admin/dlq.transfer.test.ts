import { expect, test } from "vitest";
import { importedLines } from "../../src/admin/jobs.import.ts";
import { api, startAdmin, type TestAdmin } from "../help/admin.ts";
import { storedJob, testDeliveries } from "../help/deliveries.ts";

const exported = async (admin: TestAdmin, query = ""): Promise<string> => {
  const response = await admin.ask(`/api/v1/admin/dlq/export${query}`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  expect(response.headers.get("cache-control")).toBe("no-store");
  return response.text();
};

const imported = async (admin: TestAdmin, body: string, query = "") => {
  const response = await admin.ask(`/api/v1/admin/dlq/import${query}`, {
    method: "POST",
    headers: { "Content-Type": "application/x-ndjson" },
    body,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

test("what is exported with secrets and imported elsewhere is the same job, byte for byte", async () => {
  const jobs = [
    storedJob({ body: Buffer.from([0, 0xff, 0x0a, 0x80]), inDoubt: true }),
    storedJob({ id: "job-2", state: "cancelled", reason: "cancelled", detail: null, orderKey: null, tries: [] }),
    storedJob({ id: "job-3", body: Buffer.alloc(0) }),
  ];
  const from = await startAdmin({ deliveries: testDeliveries(...jobs) });
  const lines = await exported(from, "?secrets=true");
  expect(lines.trimEnd().split("\n")).toHaveLength(3);
  const there = testDeliveries();
  const to = await startAdmin({ deliveries: there });
  expect(await imported(to, lines)).toEqual({ status: 200, body: { imported: 3, known: 0, without_secrets: 0 } });
  for (const job of jobs) {
    const tries = job.tries.map((one) => ({ ...one, durationMs: Math.round(one.durationMs * 1000) / 1000 }));
    expect(there.jobs.get(job.id)).toEqual({ ...job, origin: "import", tries });
  }
  expect(await imported(to, lines)).toMatchObject({ body: { imported: 0, known: 3 } });
  expect(from.audit).toMatchObject([{ by: "ops", action: "dlq.export", detail: "everything, with secrets" }]);
  expect(to.audit).toMatchObject([{ by: "ops", action: "dlq.import", detail: "3 imported, 0 known" }]);
});

test("without secrets an export has none, and what is imported of it is sent without them", async () => {
  const from = await startAdmin({ deliveries: testDeliveries(storedJob()) });
  const lines = await exported(from);
  expect(lines).not.toMatch(/s3cret|sha256=|sid=1|t0p/);
  expect(from.audit).toMatchObject([{ action: "dlq.export", detail: "everything, without secrets" }]);
  const there = testDeliveries();
  const to = await startAdmin({ deliveries: there });
  expect(await imported(to, lines)).toMatchObject({ body: { imported: 1, without_secrets: 1 } });
  expect(there.jobs.get("job-1")?.request?.headers).toEqual(["Content-Type", "application/json"]);
});

test("an export is filtered, runs over all parts, and leaves out what could not be imported", async () => {
  const jobs = Array.from({ length: 1_234 }, (_, i) =>
    storedJob({ id: `job-${i}`, app: i % 2 === 0 ? "quiz" : "shop" }),
  );
  const gone = storedJob({ id: "gone", request: null, body: null });
  const admin = await startAdmin({ deliveries: testDeliveries(...jobs, gone) });
  expect((await exported(admin)).trimEnd().split("\n")).toHaveLength(1_234);
  expect((await exported(admin, "?app=shop&reason=permanent_status")).trimEnd().split("\n")).toHaveLength(617);
  expect(await exported(admin, "?app=other")).toBe("");
  const first = JSON.parse((await exported(admin, "?app=quiz")).split("\n")[0] ?? "");
  expect(first).toMatchObject({ body: Buffer.from('{"answer":42}').toString("base64"), body_encoding: "base64" });
});

test("an export that fails on its way breaks the connection: it must not look whole", async () => {
  const deliveries = testDeliveries(...Array.from({ length: 300 }, (_, i) => storedJob({ id: `job-${i}` })));
  const { find } = deliveries;
  let found = 0;
  const admin = await startAdmin({
    deliveries: {
      ...deliveries,
      find: (id) => {
        if (++found === 200) deliveries.away = true;
        return find(id);
      },
    },
  });
  const response = await admin.ask("/api/v1/admin/dlq/export");
  await expect(response.text()).rejects.toThrow();
  expect(admin.errors).toHaveLength(1);
});

test("one bad line is named by its number, and nothing of that part is imported", async () => {
  const from = await startAdmin({ deliveries: testDeliveries(storedJob()) });
  const good = await exported(from);
  const change = (more: object): string => `${JSON.stringify({ ...JSON.parse(good), ...more })}\n`;
  const request = JSON.parse(good).request;
  const header = (name: string, value: string): string =>
    change({ request: { ...request, headers: [{ name, value }] } });
  const there = testDeliveries();
  const to = await startAdmin({ deliveries: there });
  for (const [bad, says] of [
    ["nonsense\n", "no JSON"],
    ["[]\n", "expected object"],
    [change({ id: "a b" }), "id: not an id"],
    [change({ app: "../x" }), "app:"],
    [change({ reason: null }), "reason:"],
    [change({ at: "yesterday" }), "at:"],
    [change({ body: null }), "body:"],
    [change({ request: null }), "request:"],
    [change({ request: { ...request, rest: "/a b" } }), "request.rest:"],
    [change({ request: { ...request, rest: "evil" } }), "request.rest:"],
    [change({ request: { ...request, method: "GET /x" } }), "request.method:"],
    [header("X\r\nEvil", "1"), "request.headers.0.name: not a header name"],
    [header("X", "1\r\nEvil: 2"), "request.headers.0.value: not a header value"],
  ] as const) {
    const { status, body } = await imported(to, `${good}\n${bad}${good}`);
    expect(status, bad).toBe(422);
    expect(body).toMatchObject({ type: "urn:outrigger:problem:bad-lines", count: 1, lines: [{ line: 3 }] });
    expect(body.detail).toContain("line 3: ");
    expect(String(body.detail).toLowerCase()).toContain(says.toLowerCase());
  }
  expect((await imported(to, "x\n".repeat(50), "?first_line=1001")).body).toMatchObject({
    count: 50,
    lines: expect.objectContaining({ 0: { line: 1_001, message: "no JSON" }, length: 20 }),
    detail: "line 1001: no JSON, and 49 more like it; none of these lines was imported",
  });
  expect(there.jobs.size).toBe(0);
  expect(to.audit).toEqual([]);
  expect((await imported(to, "x", "?first_line=0")).status).toBe(400);
});

test("a line that somebody wrote needs only what a delivery needs", async () => {
  const there = testDeliveries();
  const admin = await startAdmin({ deliveries: there });
  const at = "2026-01-01T00:00:00Z";
  const request = { method: "PUT", rest: "", target: "/q", host: "h", headers: [] };
  const line = { id: "x", app: "quiz", capability: "winner", reason: "expired", request_id: "r", at, expires_at: at };
  const text = JSON.stringify({ ...line, request, body: "hé", body_encoding: "text" });
  expect(await imported(admin, text)).toMatchObject({ body: { imported: 1 } });
  expect(there.jobs.get("x")).toMatchObject({ state: "dead", size: 3, body: Buffer.from("hé"), tries: [], sends: 0 });
});

test("an import takes a line of many MiB, which nothing else here takes, and says when it is too large", async () => {
  const from = await startAdmin({ deliveries: testDeliveries(storedJob({ body: Buffer.alloc(6 * 1024 * 1024) })) });
  const there = testDeliveries();
  const to = await startAdmin({ deliveries: there });
  expect(await imported(to, await exported(from))).toMatchObject({ body: { imported: 1 } });
  expect(there.jobs.get("job-1")?.size).toBe(6 * 1024 * 1024);
  expect((await api(to, "/dlq/retry", { cursor: "x".repeat(5 * 1024 * 1024) })).status).toBe(413);
  expect((await imported(to, "x".repeat(64 * 1024 * 1024 + 1))).status).toBe(413);
});

test("where the spool goes away during an import, the audit log has what was imported", async () => {
  const lines = await exported(
    await startAdmin({
      deliveries: testDeliveries(...Array.from({ length: 150 }, (_, i) => storedJob({ id: `j${i}` }))),
    }),
  );
  const there = testDeliveries();
  const put = there.import;
  const admin = await startAdmin({
    deliveries: {
      ...there,
      import: (job) => {
        there.away = there.jobs.size >= 120;
        return put(job);
      },
    },
  });
  const { status, body } = await imported(admin, lines, "?first_line=1001");
  expect(status).toBe(503);
  // Those of the second hundred that were put after it went away: each by its number.
  expect(body).toMatchObject({ imported: 120, known: 0, count: 30 });
  expect(body.lines).toHaveLength(20);
  expect(body).toMatchObject({ lines: expect.objectContaining({ 0: { line: 1_121, message: expect.any(String) } }) });
  expect(body.detail).toMatch(/^line 1121: .+; of this part 120 were imported and 0 there already/);
  expect(admin.audit).toMatchObject([{ action: "dlq.import", detail: "120 imported, 0 known" }]);
});

test("while an import looks at its lines, others are served", async () => {
  const admin = await startAdmin({ deliveries: testDeliveries(storedJob({ body: Buffer.alloc(1_024) })) });
  const text = (await exported(admin)).repeat(4_000);
  const order: string[] = [];
  const looked = importedLines(text, 1).then(({ jobs }) => {
    order.push(`${jobs.length} lines`);
  });
  expect((await admin.ask("/api/v1/admin/status")).status).toBe(200);
  order.push("another request");
  await looked;
  expect(order).toEqual(["another request", "4000 lines"]);
});
