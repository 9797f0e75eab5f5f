import { expect, test } from "vitest";
import { storedJob, testDeliveries } from "../help/deliveries.ts";
import { startRemote } from "../help/remote.ts";

const many = (count: number) => Array.from({ length: count }, (_, i) => storedJob({ id: `job-${i}` }));

test("list and show are about what is dead", async () => {
  const { run } = await startRemote(
    testDeliveries(storedJob(), storedJob({ id: "ok", state: "delivered", reason: null })),
  );
  const { code, out } = await run("dlq list --reason permanent_status --since 2h");
  expect(code).toBe(0);
  expect(out).toContain("job-1  quiz/winner  dead");
  expect(out).not.toContain("\nok ");
  expect(JSON.parse((await run("dlq list --json")).out)).toMatchObject({ items: [{ id: "job-1" }], more: false });
  expect((await run("dlq show job-1")).out).toContain("delivery job-1");
  expect((await run("dlq show ok")).code).toBe(1);
  expect((await run("dlq list --reason x")).code).toBe(2);
});

test("ids are retried and deleted at once, each by itself; one that fails is said and keeps none of the others", async () => {
  const deliveries = testDeliveries(...many(3));
  const { run } = await startRemote(deliveries);
  expect(await run("dlq retry job-0 nothing job-1")).toEqual({
    code: 1,
    out: "job-0 queued again\njob-1 queued again\n",
    err: "error: nothing: no such delivery: there is no nothing, or it was let go of\n",
  });
  expect(await run("dlq delete job-2")).toEqual({ code: 0, out: "job-2 deleted\n", err: "" });
  const json = await run("dlq delete job-0 job-2 --json");
  expect(json.code).toBe(1);
  expect(JSON.parse(json.out)).toMatchObject({ items: [], failed: [{ id: "job-0" }, { id: "job-2" }] });
  expect(await run("dlq retry job-0")).toMatchObject({ code: 1, err: expect.stringContaining("deliveries show ID") });
  expect(await run("dlq show job-0")).toEqual({
    code: 1,
    out: "",
    err: "error: not in the dead-letter queue: job-0 is queued: see /deliveries/job-0\nLook at it with: outrigger deliveries show ID\n",
  });
});

test("a filter only counts until --yes", async () => {
  const deliveries = testDeliveries(...many(3));
  const { run } = await startRemote(deliveries);
  const counted = await run("dlq retry --app quiz");
  expect(counted).toEqual({
    code: 1,
    out: "3 deliveries would be queued again\n",
    err: "nothing was changed: add --yes to do it\n",
  });
  expect(JSON.parse((await run("dlq delete --all --json")).out)).toEqual({ count: 3, dry_run: true });
  expect(deliveries.calls).toEqual([]);
  expect(await run("dlq retry --app quiz --yes")).toEqual({ code: 0, out: "3 deliveries queued again\n", err: "" });
  expect(await run("dlq delete --all --yes")).toMatchObject({ code: 0, out: "nothing that is dead matches\n" });
  expect((await run("dlq delete --app shop")).code).toBe(0);
});

test("many are done in calls of which each can be seen on a terminal, and nothing is drawn anywhere else", async () => {
  const deliveries = testDeliveries(...many(12_000));
  const { run, admin } = await startRemote(deliveries);
  const seen = await run("dlq delete --all", { isErrTTY: true });
  expect(seen.err).toContain("\r\u001b[K5000 deliveries so far\r\u001b[K10000 deliveries so far\r\u001b[K");
  expect(await run("dlq delete --all --yes --json")).toEqual({
    code: 0,
    out: '{\n  "count": 12000,\n  "dry_run": false\n}\n',
    err: "",
  });
  expect(admin.audit).toHaveLength(3);
});

test("a spool that goes away half-way: what was done is said", async () => {
  const deliveries = testDeliveries(...many(7_000));
  const { change } = deliveries;
  const { run } = await startRemote({
    ...deliveries,
    change: async (...given) => {
      const done = await change(...given);
      deliveries.away = deliveries.calls.length === 6;
      return done;
    },
  });
  const { code, err } = await run("dlq delete --all --yes");
  expect(code).toBe(1);
  expect(err).toContain("5000 deliveries deleted before, and that stays");
});

test("an interrupt ends it, and is not taken for a sidecar that is away", async () => {
  const { run } = await startRemote(testDeliveries(...many(3)));
  const { code, err } = await run("dlq delete --all --yes", { signal: AbortSignal.abort() });
  expect(code).toBe(1);
  expect(err).toBe("error: interrupted\nWhat was done before stays done\n");
});

test("nothing, or two things at once, named is wrong usage and changes nothing", async () => {
  const deliveries = testDeliveries(storedJob());
  const { run } = await startRemote(deliveries);
  for (const line of [
    "dlq delete",
    "dlq delete --yes",
    "dlq retry job-1 --app quiz",
    "dlq retry job-1 --all",
    "dlq delete --all --app quiz --yes",
    "dlq retry --since soon --yes",
  ])
    expect((await run(line)).code, line).toBe(2);
  expect((await run("dlq delete")).err).toContain("outrigger dlq delete --help");
  expect(deliveries.calls).toEqual([]);
});
