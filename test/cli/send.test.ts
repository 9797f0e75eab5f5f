import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { breakerCommand } from "../../src/cli/breaker.ts";
import type { Io } from "../../src/cli/command.ts";
import { deliveriesCommand } from "../../src/cli/deliveries.ts";
import { runCli } from "../../src/cli/program.ts";
import { sendCommand } from "../../src/cli/send.ts";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { type Behaviour, json, startTestApp } from "../help/app.ts";
import { createIo } from "../help/io.ts";
import { startSidecar } from "../help/sidecar.ts";

/** A test call through a whole sidecar, to an app that answers as the test says. */

async function started(answer: Behaviour) {
  const app = await startTestApp(answer);
  onTestFinished(() => app.stop());
  const sidecar = await startSidecar(
    `apps:
  quiz:
    owner: a@b.example
    url: "${app.url}"
    webhooks:
      answer: { path: /answer, retry: { repeat: always, initial: 1ms } }
      later: { async: true, path: /later, retry: { initial: 1ms } }
      many: { path: /many, match: { path: "/many/*", methods: [PUT], headers: { X-Event: push } } }
`,
  );
  onTestFinished(() => sidecar.stop());
  const token = readFileSync(join(sidecar.dir, "data", "admin-token"), "utf8");
  const admin = async (args: readonly string[], given: Partial<Io> = {}) => {
    const io = createIo({ env: { OUTRIGGER_ADMIN: sidecar.adminUrl, OUTRIGGER_ADMIN_TOKEN: token }, ...given });
    const code = await runCli([...args], io, [
      sendCommand(systemRandom),
      breakerCommand,
      deliveriesCommand(systemClock),
    ]);
    return { code, out: io.out(), err: io.err() };
  };
  const run = (args: readonly string[], given?: Partial<Io>) => admin(["send", ...args], given);
  return { app, run, admin: (...args: readonly string[]) => admin(args), sidecar };
}

/** The app fails its first `n` calls. */
const failingFirst =
  (n: number): Behaviour =>
  (got, res, i) =>
    (i < n ? json(503, { busy: true }) : json(200, { said: got.body.toString() }))(got, res, i);

test("it sends the body, and shows the answer and every try", async () => {
  const { run, app, sidecar } = await started(failingFirst(1));
  writeFileSync(join(sidecar.dir, "body.json"), '{"n":1}');
  const { code, out, err } = await run(["quiz", "answer", "--data", "@body.json"], { cwd: sidecar.dir });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatch(/^POST \/quiz\/answer: 200 OK in \d+ms, request [0-9a-f]{32}\n/);
  expect(out).toContain("\noutrigger-outcome: ok\n");
  expect(out).toContain('{"said":"{\\"n\\":1}"}');
  expect(out).toMatch(/^N +UPSTREAM +STATUS +RESULT +TIME$/m);
  expect(out).toMatch(/^0 +\S+ +503 +transient: status +\d+ms$/m);
  expect(out).toMatch(/^1 +\S+ +200 +ok +\d+ms$/m);
  expect(app.got.map(({ headers }) => headers["content-type"])).toEqual(["application/json", "application/json"]);
  expect(out).toContain(`request ${app.got[0]?.headers["x-request-id"]}`);
});

test("a call that fails is exit code 1, and --json has all of it", async () => {
  const { run } = await started(json(503, { busy: true }));
  const { code, out } = await run(["quiz", "answer", "--data", "text", "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({
    status: 503,
    body: Buffer.from('{"busy":true}').toString("base64"),
    completed: { outcome: "failed", attempts: [{ status: 503 }, { status: 503 }] },
    delivery: null,
  });
});

test("of an async route it waits for the delivery, and shows each of its sends", async () => {
  const { run } = await started(failingFirst(1));
  const { code, out } = await run(["quiz", "later", "--data", "@-"], {
    stdin: () => Readable.from([Buffer.from("a")]),
  });
  expect(code).toBe(0);
  expect(out).toMatch(/^POST \/quiz\/later: 202 Accepted/);
  expect(out).toMatch(/ quiz\/later +delivered /);
  expect(out).toMatch(/ 503 +transient: status /);
  expect(out).toMatch(/ 200 +ok /);
});

test("of a delivery that waits for its breaker it says so, and until when, as does show", async () => {
  const { run, sidecar, admin } = await started(json(200, {}));
  const tripped = await admin("breaker", "trip", "quiz", "later", "--for", "10m", "--json");
  const { until } = JSON.parse(tripped.out).upstreams[0];
  const { out } = await run(["quiz", "later", "--data", "a", "--wait", "1ms"]);
  expect(out).toMatch(/^it was not sent yet$/m);
  const waits = /^it waits, parked: breaker_open since \S+, until (\S+) at least$/m.exec(out);
  // Told by a clock that is read anew each time: a millisecond more or less.
  expect(Date.parse(String(waits?.[1]))).toBeCloseTo(Date.parse(until), -2);
  const { id } = await sidecar.event("delivery.queued");
  const shown = await admin("deliveries", "show", id);
  expect(shown.out).toMatch(/^parked {5}breaker_open since \S+, until \S+ at least$/m);
});

test("what the route matches is sent along; a pattern wants to know which path", async () => {
  const { run, app } = await started(json(200, {}));
  expect(await run(["quiz", "many"])).toMatchObject({ code: 1, err: expect.stringContaining("--path /quiz/7") });
  expect((await run(["quiz", "many", "--path", "/many/7?a=b", "-H", "X-Own: 1"])).code).toBe(0);
  expect(app.got).toMatchObject([{ method: "PUT", url: "/many/7?a=b", headers: { "x-event": "push", "x-own": "1" } }]);
});

test("what cannot be sent is said with what to try", async () => {
  const { run } = await started(json(200, {}));
  expect(await run(["quiz", "other"])).toMatchObject({ code: 1, err: expect.stringContaining("outrigger routes") });
  expect(await run(["quiz", "answer", "--proxy", "127.0.0.1:1"])).toMatchObject({
    code: 1,
    err: expect.stringContaining("nothing answers at http://127.0.0.1:1"),
  });
  expect((await run(["quiz", "answer", "--proxy", "ftp://x/y"])).err).toContain("is no URL of a proxy");
  expect(await run(["quiz", "answer", "--data", "@nothing-here"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("nothing-here cannot be read (ENOENT)"),
  });
  expect((await run(["quiz", "answer", "-H", "no header"])).code).toBe(2);
  expect((await run(["quiz", "answer", "--wait", "soon"])).code).toBe(2);
});
