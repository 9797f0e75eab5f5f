import { afterEach, expect, test } from "vitest";
import { call } from "./call.ts";
import { startToyProcess, type ToyProcess } from "./toy.process.ts";
import { startToy, type Toy, type ToyHealth, type ToyMood, WELL } from "./toy.ts";

const toys: Toy[] = [];
afterEach(async () => {
  for (const toy of toys.splice(0)) await toy.stop();
});
const start = async (): Promise<Toy> => keep(await startToy("primary"));
const startProcess = async (): Promise<ToyProcess> => keep(await startToyProcess("primary"));
function keep<T extends Toy>(toy: T): T {
  toys.push(toy);
  return toy;
}

/** The status of an answer, or the code of its error. */
const outcome = ({ url }: Toy, path: string): Promise<number | string> =>
  call(`${url}${path}`).then(
    ({ status }) => status,
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );

const MOODS: readonly (readonly [ToyMood, number | string])[] = [
  [WELL, 200],
  [{ kind: "status", status: 500 }, 500],
  [{ kind: "slow", ms: 1 }, 200],
  [{ kind: "reset" }, "ECONNRESET"],
  [{ kind: "refuse" }, "ECONNREFUSED"],
];

test.each(MOODS)("as told %o, calls and health alike", async (mood, expected) => {
  const toy = await start();
  await toy.behave(mood);
  expect([await outcome(toy, "/hook"), await outcome(toy, "/health")]).toEqual([expected, expected]);
  await toy.behave(WELL);
  expect([await outcome(toy, "/hook"), await outcome(toy, "/health")]).toEqual([200, 200]);
});

test("an answer names who gave it", async () => {
  const toy = await start();
  const { text, headers } = await call(`${toy.url}/hook`);
  expect([text, headers["x-toy"]]).toEqual(['{"from":"primary"}', "primary"]);
});

test("every third call fails, probes neither count nor fail", async () => {
  const toy = await start();
  await outcome(toy, "/hook");
  await toy.behave({ kind: "one_in", n: 3 });
  const statuses: (number | string)[] = [];
  for (const path of ["/1", "/2", "/health", "/3", "/health", "/4", "/5", "/6"])
    statuses.push(await outcome(toy, path));
  expect(statuses).toEqual([200, 200, 200, 500, 200, 200, 200, 500]);
});

const HEALTHS: readonly (readonly [ToyHealth, number, string])[] = [
  ["healthy", 200, '{"status":"healthy"}'],
  ["degraded", 200, '{"status":"degraded"}'],
  ["unhealthy", 503, '{"status":"unhealthy"}'],
  ["missing", 404, '{"error":"no such page"}'],
  [{ status: 200, json: { status: "unhealthy" } }, 200, '{"status":"unhealthy"}'],
];

test.each(HEALTHS)("health set apart as %o holds whatever becomes of calls", async (health, status, text) => {
  const toy = await start();
  await toy.behave({ kind: "status", status: 500 });
  await toy.health(health);
  expect(await call(`${toy.url}/health`)).toMatchObject({ status, text });
  expect(await outcome(toy, "/hook")).toBe(500);
  await toy.health("follows");
  expect(await call(`${toy.url}/health`)).toMatchObject({ status: 500, text: '{"status":"unhealthy"}' });
});

test("what hangs is answered when it is let go, and only then", async () => {
  const toy = await start();
  await toy.behave({ kind: "hang" });
  let answered = 0;
  const both = ["/hook", "/health"].map((path) => outcome(toy, path).finally(() => answered++));
  await Promise.all([toy.called(1), toy.probed(1)]);
  await toy.behave(WELL);
  // One that comes later is answered sooner.
  expect(await outcome(toy, "/hook")).toBe(200);
  expect(answered).toBe(0);
  await toy.release();
  expect(await Promise.all(both)).toEqual([200, 200]);
});

test("what it received is kept apart by calls and probes, with what it did", async () => {
  const toy = await start();
  await call(`${toy.url}/hook?x=1`, { body: "a", headers: { "X-Id": "7" } });
  await toy.behave({ kind: "reset" });
  await outcome(toy, "/health");
  expect([toy.calls(), toy.probes()]).toEqual([1, 1]);
  expect(toy.seen.map(({ url, body, probe, answer }) => [url, body.toString(), probe, answer.kind])).toEqual([
    ["/hook?x=1", "a", false, "answer"],
    ["/health", "", true, "reset"],
  ]);
  expect(toy.seen[0]?.headers["x-id"]).toBe("7");
});

test("two have ports of their own", async () => {
  const [one, other] = [await start(), await start()];
  expect(one.port).not.toBe(other.port);
});

test("a process of its own does the same, and what it received is known here", async () => {
  const toy = await startProcess();
  await call(`${toy.url}/hook`, { body: "a" });
  await toy.called(1);
  await toy.behave({ kind: "status", status: 500 });
  await toy.health("degraded");
  expect([await outcome(toy, "/hook"), await outcome(toy, "/health")]).toEqual([500, 200]);
  await Promise.all([toy.called(2), toy.probed(1)]);
  expect(toy.seen[0]?.body).toEqual(Buffer.from("a"));
  await toy.behave({ kind: "refuse" });
  expect(await outcome(toy, "/hook")).toBe("ECONNREFUSED");
  await toy.behave(WELL);
  expect(await outcome(toy, "/hook")).toBe(200);
});

test("a frozen process answers nobody, and what waits once it goes on", async () => {
  const toy = await startProcess();
  toy.freeze();
  let answered = false;
  const waiting = outcome(toy, "/hook").finally(() => {
    answered = true;
  });
  // That the kernel lets one in says nothing: the process was asked, and has seen nothing.
  const other = keep(await startToy("backup"));
  expect(await outcome(other, "/hook")).toBe(200);
  expect([answered, toy.calls()]).toEqual([false, 0]);
  toy.resume();
  expect(await waiting).toBe(200);
});

test("a killed process refuses, is known for what it received, and comes back at its port", async () => {
  const toy = await startProcess();
  const { port, pid } = toy;
  await toy.behave({ kind: "hang" });
  const cut = outcome(toy, "/hook");
  await toy.called(1);
  toy.freeze();
  await toy.kill();
  expect(await cut).toBe("ECONNRESET");
  expect(await outcome(toy, "/hook")).toBe("ECONNREFUSED");
  await expect(toy.behave(WELL)).rejects.toThrow();
  await toy.restart();
  expect(await outcome(toy, "/hook")).toBe(200);
  await toy.called(2);
  expect([toy.port, toy.pid === pid, toy.calls()]).toEqual([port, false, 2]);
});
