import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { sign, verify } from "@octokit/webhooks-methods";
import { expect, onTestFinished, test } from "vitest";
import { type Caller, createCaller, type Hook } from "../../src/cli/demo/caller.ts";
import { githubPayloads, isSignedBy, signatureOf } from "../../src/cli/demo/github.ts";
import * as quiz from "../../src/cli/demo/quiz.ts";
import { startToyApp, type ToyApp } from "../../src/cli/demo/toy.ts";
import { createQuiz, type Quiz } from "../../src/cli/demo/toy-app.quiz.ts";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createManualClock } from "../help/manual-clock.ts";

const SECRET = "It's a Secret to Everybody";
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const chance = { clock: systemClock, random: systemRandom };

function caller(port: number, clock = systemClock): Caller {
  const ending = new AbortController();
  const made = createCaller(`127.0.0.1:${port}`, clock, ending.signal);
  onTestFinished(() => {
    ending.abort();
    made.close();
  });
  return made;
}

async function openQuiz(clock = systemClock): Promise<{ quiz: Quiz; port: number }> {
  const made = createQuiz(clock, SECRET);
  made.server.listen(0, "127.0.0.1");
  onTestFinished(() => {
    made.server.closeAllConnections();
    made.server.close();
  });
  await once(made.server, "listening");
  return { quiz: made, port: (made.server.address() as AddressInfo).port };
}

/** The hook as the app itself knows it, without Outrigger before it. */
function direct(hook: Hook, path: string): Hook {
  return { ...hook, path };
}

test("GitHub's library and ours agree about signatures, for real payloads", async () => {
  const payloads = await githubPayloads();
  expect(payloads.length).toBeGreaterThan(300);
  expect(new Set(payloads.map(({ event }) => event))).toContain("workflow_run");
  for (const { body } of payloads.slice(0, 20)) {
    expect(await sign(SECRET, body.toString())).toBe(signatureOf(SECRET, body));
    expect(await verify(SECRET, body.toString(), signatureOf(SECRET, body))).toBe(true);
  }
});

test("a signature is good for its very bytes and secret only", () => {
  const signature = signatureOf(SECRET, EVERY_BYTE);
  expect(isSignedBy(SECRET, EVERY_BYTE, signature)).toBe(true);
  expect(isSignedBy("other", EVERY_BYTE, signature)).toBe(false);
  expect(isSignedBy(SECRET, EVERY_BYTE.subarray(1), signature)).toBe(false);
  expect(isSignedBy(SECRET, EVERY_BYTE, signature.slice(1))).toBe(false);
  expect(isSignedBy(SECRET, EVERY_BYTE, undefined)).toBe(false);
  expect(isSignedBy(SECRET, EVERY_BYTE, [signature])).toBe(false);
});

test("the quiz app answers, checks signatures on the bytes that came, and counts", async () => {
  const { quiz: app, port } = await openQuiz();
  const { call } = caller(port);
  const signed = quiz.github({ event: "ping", body: EVERY_BYTE }, SECRET, chance);
  const forged = quiz.github({ event: "ping", body: EVERY_BYTE }, "other", chance);
  expect((await call(direct(signed, "/webhooks/github"))).status).toBe(200);
  expect((await call(direct(forged, "/webhooks/github"))).status).toBe(401);
  expect((await call(direct(quiz.answer(1), "/webhooks/answer"))).body.toString()).toContain('"correct":true');
  const won = await call(direct(quiz.winner(), "/webhooks/winner"));
  expect(quiz.winnerIn(won.body)).toBe(quiz.PARTICIPANTS[0]);
  expect((await call(direct(quiz.registration(1), quiz.REGISTER_PATH))).status).toBe(201);
  expect((await call({ ...quiz.answer(1), path: "/webhooks/answer", body: Buffer.from("{") })).status).toBe(400);
  expect((await call(direct(quiz.answer(1), "/nowhere"))).status).toBe(404);
  expect((await call(direct(quiz.answer(1), "/health"))).body.toString()).toContain("healthy");
  const { takenMs, ...report } = app.report();
  expect(takenMs).toBe(0);
  expect(report).toEqual({
    seen: { "/webhooks/github": 2, "/webhooks/answer": 2, "/webhooks/winner": 1, [quiz.REGISTER_PATH]: 1 },
    verified: 1,
    refused: 1,
    taken: { [signed.headers["X-GitHub-Delivery"] ?? ""]: 1 },
  });
});

test("a refusing quiz app answers 422 to one event, and counts what it takes by GitHub's ids", async () => {
  const clock = createManualClock();
  const { quiz: app, port } = await openQuiz(clock);
  const { call } = caller(port);
  const [ping, push] = ["ping", "push"].map((event) =>
    direct(quiz.github({ event, body: EVERY_BYTE }, SECRET, chance), "/webhooks/github"),
  ) as [Hook, Hook];
  app.behave({ kind: "refusing", event: "ping" });
  expect((await call(ping)).status).toBe(422);
  expect((await call(push)).status).toBe(200);
  clock.advance(40);
  expect((await call(push)).status).toBe(200);
  expect(app.report()).toMatchObject({
    verified: 3,
    taken: { [push.headers["X-GitHub-Delivery"] ?? ""]: 2 },
    takenMs: 40,
  });
});

test("a broken quiz app answers 500, a slow one after its delay", async () => {
  const clock = createManualClock();
  const { quiz: app, port } = await openQuiz(clock);
  const { call } = caller(port);
  app.behave({ kind: "broken" });
  expect((await call(direct(quiz.winner(), "/webhooks/winner"))).status).toBe(500);
  app.behave({ kind: "slow", delayMs: 600 });
  const arrived = once(app.server, "request").then(([req]) => once(req, "end"));
  const answer = call(direct(quiz.winner(), "/webhooks/winner"));
  await arrived;
  expect(clock.pending()).toBe(1);
  clock.advance(600);
  expect((await answer).status).toBe(200);
});

test("a call without an answer is seen as lost, with the reason: refused, cut off, silence, a cut body", async () => {
  const { port } = await openQuiz();
  const clock = createManualClock();
  const silent = await openQuiz(clock);
  silent.quiz.behave({ kind: "hanging" });
  const waiting = caller(silent.port, clock).call(direct(quiz.winner(), "/webhooks/winner"));
  await once(silent.quiz.server, "request");
  clock.advance(60_000);
  expect(await waiting).toMatchObject({ lost: "no answer", status: 0, outcome: "" });

  expect((await caller(1).call(quiz.winner())).lost).toContain("ECONNREFUSED");
  const cutting = createServer((_req, res) => {
    res.writeHead(200, { "Content-Length": "100" });
    res.write("half", () => res.destroy());
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void cutting.close());
  await once(cutting, "listening");
  expect((await caller((cutting.address() as AddressInfo).port).call(quiz.winner())).lost).toBe("aborted");
  expect((await caller(port).call(quiz.winner())).lost).toBeNull();
});

test("calls go out so many at a time, each once, and end with the demo", async () => {
  const { quiz: app, port } = await openQuiz();
  const ending = new AbortController();
  const many = createCaller(`127.0.0.1:${port}`, systemClock, ending.signal);
  onTestFinished(() => many.close());
  const hooks = Array.from({ length: 25 }, (_, n) => direct(quiz.answer(n), "/webhooks/answer"));
  expect(await many.callAll(hooks, 4)).toHaveLength(25);
  expect(app.report().seen["/webhooks/answer"]).toBe(25);

  app.behave({ kind: "hanging" });
  const hanging = many.callAll(hooks, 4);
  await once(app.server, "request");
  ending.abort();
  await expect(hanging).rejects.toThrow("aborted");
});

async function startToy(port = 0): Promise<{ app: ToyApp; died: Promise<string> }> {
  let tell = (_how: string): void => {};
  const died = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const app = await startToyApp({ secret: SECRET, port, env: process.env, clock: systemClock, onDeath: tell });
  onTestFinished(() => app.kill());
  return { app, died };
}

test("the toy app runs in a process of its own, takes orders, and is really dead when killed", async () => {
  const { app } = await startToy();
  const { call } = caller(app.port);
  expect(app.pid).not.toBe(process.pid);
  expect((await call(direct(quiz.winner(), "/webhooks/winner"))).status).toBe(200);
  await app.behave({ kind: "broken" });
  expect((await call(direct(quiz.winner(), "/webhooks/winner"))).status).toBe(500);
  const [one, two] = await Promise.all([app.report(), app.report()]);
  expect(one.seen).toEqual({ "/webhooks/winner": 2 });
  expect(two).toEqual(one);
  await app.kill();
  expect(() => process.kill(app.pid, 0)).toThrow("ESRCH");
  await expect(app.report()).rejects.toThrow("gone");
  const refused = connect(app.port, "127.0.0.1");
  expect((await once(refused, "error"))[0]).toMatchObject({ code: "ECONNREFUSED" });
  // Its port is free for the next one.
  expect((await startToy(app.port)).app.port).toBe(app.port);
});

test("a taken port is an error that leaves no process behind", async () => {
  const { app } = await startToy();
  await expect(startToy(app.port)).rejects.toThrow("EADDRINUSE");
});

test("a toy app that dies by itself is reported", async () => {
  const { app, died } = await startToy();
  process.kill(app.pid, "SIGKILL");
  expect(await died).toContain(`the toy app (pid ${app.pid}) ended by itself, killed by SIGKILL`);
});
