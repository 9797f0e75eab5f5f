import { Agent, type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { type Behaviour, hang, startTestApp, type TestApp } from "../help/app.ts";
import { call, post } from "../help/call.ts";
import { type Child, type ChildOptions, startChild } from "../help/child.ts";
import { createCountingClock } from "../help/counting-clock.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** Stopping: whoever has been taken in is answered, whoever looks is told, and then nothing is left. */

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function startApp(behaviour?: Behaviour): Promise<TestApp> {
  const app = await startTestApp(behaviour);
  cleanUp.push(() => app.stop());
  return app;
}

async function start(yaml: string, given: Parameters<typeof startSidecar>[1] = {}): Promise<Sidecar> {
  const sidecar = await startSidecar(yaml, given);
  cleanUp.push(() => sidecar.stop());
  return sidecar;
}

async function serve(yaml: string, options: ChildOptions = {}): Promise<Child> {
  const child = await startChild(yaml, options);
  cleanUp.push(async () => {
    child.signal("SIGKILL");
    await child.ended;
  });
  return child;
}

function quiz(url: string, webhooks = "{ answer: /answer }"): string {
  return `apps: { quiz: { owner: dev@quiz.example, url: "${url}", webhooks: ${webhooks} } }\n`;
}

/** Answers when told to. */
function onDemand(): { readonly behaviour: Behaviour; answer(): void } {
  const waiting: (() => void)[] = [];
  return {
    behaviour: (_got, res) => void waiting.push(() => res.writeHead(200, { "Content-Length": 2 }).end("ok")),
    answer: () => {
      for (const answer of waiting.splice(0)) answer();
    },
  };
}

function keepAlive(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  cleanUp.push(() => agent.destroy());
  return agent;
}

test("SIGTERM: not ready, but serving a last while; what is in flight is answered, kept connections close, exit 0", async () => {
  const slow = onDemand();
  const app = await startApp(slow.behaviour);
  const child = await serve(quiz(app.url));
  const url = `${child.url}/quiz/answer`;
  expect((await call(`${child.adminUrl}/readyz`, { method: "GET" })).status).toBe(200);

  const agent = keepAlive();
  const before = post(url, {}, { agent });
  await app.received(1);
  slow.answer();
  expect((await before).headers.connection).toBe("keep-alive");

  const inFlight = post(url, {});
  await app.received(2);
  child.signal("SIGTERM");
  await until(async () => (await call(`${child.adminUrl}/readyz`, { method: "GET" })).status === 503);
  expect((await call(`${child.adminUrl}/livez`, { method: "GET" })).status).toBe(200);

  const onKept = post(url, {}, { agent });
  const onNew = post(url, {});
  await app.received(4);
  slow.answer();
  for (const answer of await Promise.all([inFlight, onKept, onNew])) {
    expect(answer).toMatchObject({ status: 200, outcome: "ok", headers: { connection: "close" } });
  }
  const { code, signal, stderr } = await child.ended;
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  expect(child.lines).toContainEqual(
    expect.objectContaining({ level: "info", in_flight: 1, msg: expect.stringMatching(/^stopping:/) }),
  );
  expect(child.lines.at(-1)).toMatchObject({ level: "info", msg: expect.stringMatching(/^stopped:/) });
  await expect(post(url, {})).rejects.toThrow("ECONNREFUSED");
});

test("the ready line is one JSON line with both addresses as bound, and the log is JSON lines, too", async () => {
  const app = await startApp();
  const child = await serve(quiz(app.url));
  const ready = child.lines.filter((line) => line.event === "ready");
  const address = expect.stringMatching(/^127\.0\.0\.1:[1-9]\d+$/);
  expect(ready).toEqual([{ event: "ready", proxy: address, admin: address }]);
  expect(child.lines).toContainEqual(expect.objectContaining({ event: "manifest.applied", revision: 1, by: "start" }));
});

test("a second signal ends the process at once, whatever is in flight", async () => {
  const app = await startApp(hang);
  const child = await serve(quiz(app.url));
  const cut = post(`${child.url}/quiz/answer`, {}).catch((error: NodeJS.ErrnoException) => error.code);
  await app.received(1);
  child.signal("SIGTERM");
  await until(async () => (await call(`${child.adminUrl}/readyz`, { method: "GET" })).status === 503);
  child.signal("SIGTERM");
  expect(await child.ended).toMatchObject({ code: 143, signal: null });
  expect(await cut).toBe("ECONNRESET");
});

test("SIGHUP reads the manifest: a bad one is logged with its problems and changes nothing, a good one is applied", async () => {
  const app = await startApp();
  const child = await serve(quiz(app.url, "{ answer: /old }"));
  child.write(quiz(app.url, "{ answer: nowhere }"));
  child.signal("SIGHUP");
  const { problems } = await child.line((line) => line.event === "manifest.rejected" && line.by === "signal");
  expect(problems).toEqual([expect.stringContaining(`${child.file}:4:`)]);
  await post(`${child.url}/quiz/answer`, {});
  child.write(quiz(app.url, "{ answer: /new }"));
  child.signal("SIGHUP");
  // The watch of the file may be quicker than the signal: then that has nothing left to do.
  await child.line((line) => line.event === "manifest.applied" && line.revision === 2);
  await post(`${child.url}/quiz/answer`, {});
  expect(app.got.map(({ url }) => url)).toEqual(["/old", "/new"]);
});

test("an error that nobody expected is logged and ends the process with code 1", async () => {
  const app = await startApp();
  const bug = `process.on("SIGUSR2", () => { setImmediate(() => { throw new TypeError("a bug"); }); });`;
  const child = await serve(quiz(app.url), { nodeArgs: ["--import", `data:text/javascript,${bug}`] });
  child.signal("SIGUSR2");
  const { code, stderr } = await child.ended;
  expect(code).toBe(1);
  expect(stderr).toContain("TypeError: a bug");
  expect(child.lines.at(-1)).toMatchObject({ level: "error", err: { type: "TypeError", message: "a bug" } });
});

test("a rejection that nobody handles ends the process, too", async () => {
  const app = await startApp();
  const bug = `process.on("SIGUSR2", () => { void Promise.reject(new RangeError("unheard")); });`;
  const child = await serve(quiz(app.url), { nodeArgs: ["--import", `data:text/javascript,${bug}`] });
  child.signal("SIGUSR2");
  expect((await child.ended).code).toBe(1);
  expect(child.lines.at(-1)).toMatchObject({ level: "error", err: { type: "RangeError", message: "unheard" } });
});

test("what hangs beyond limits.drain is ended, upstream too", async () => {
  const app = await startApp(hang);
  const sidecar = await start(`limits: { drain: 100ms }\n${quiz(app.url)}`);
  const cut = post(`${sidecar.url}/quiz/answer`, {}).catch((error: NodeJS.ErrnoException) => error.code);
  await app.received(1);
  const from = performance.now();
  await sidecar.app.stop();
  expect(performance.now() - from).toBeLessThan(5_000);
  expect(await cut).toBe("ECONNRESET");
  await app.idle();
  expect(sidecar.events.at(-1)).toMatchObject({ type: "request.completed", outcome: "aborted" });
});

test("stopping twice is one stop: the second waits for the first and cuts nothing short", async () => {
  const slow = onDemand();
  const app = await startApp(slow.behaviour);
  const sidecar = await start(quiz(app.url));
  const inFlight = post(`${sidecar.url}/quiz/answer`, {});
  await app.received(1);
  const order: string[] = [];
  const stops = [1, 2].map(() => sidecar.app.stop().then(() => order.push("stopped")));
  await until(() => refuses(sidecar.port));
  void inFlight.then(() => order.push("answered"));
  slow.answer();
  expect(await inFlight).toMatchObject({ status: 200, headers: { connection: "close" } });
  await Promise.all(stops);
  expect(order).toEqual(["answered", "stopped", "stopped"]);
});

test("a reload asked for while it stops, or after, is refused and touches nothing", async () => {
  const app = await startApp();
  const sidecar = await start(quiz(app.url));
  const stopping = sidecar.app.stop();
  const refused = { ok: false, error: [expect.stringContaining("stopping")] };
  expect(await sidecar.app.reload("test")).toEqual(refused);
  await stopping;
  expect(await sidecar.app.reload("test")).toEqual(refused);
  expect(sidecar.events.filter((event) => event.type.startsWith("manifest."))).toEqual([]);
});

test("connections that never said a word, and kept ones without a request, hold up nothing", async () => {
  const app = await startApp();
  const sidecar = await start(quiz(app.url));
  const agent = keepAlive();
  await post(`${sidecar.url}/quiz/answer`, {}, { agent });
  const silent = await opened(connect(sidecar.port, "127.0.0.1"));
  await until(async () => sidecar.app.connections() === 2);
  const closed = new Promise((resolve) => silent.on("close", resolve));
  const from = performance.now();
  await sidecar.app.stop();
  expect(performance.now() - from).toBeLessThan(2_000);
  await closed;
});

test("a request whose body is still coming when the stop begins is taken to its end", async () => {
  const app = await startApp();
  const sidecar = await start(quiz(app.url));
  const req = request(`${sidecar.url}/quiz/answer`, { method: "POST", headers: { "Content-Length": 4 } });
  const status = new Promise((resolve, reject) => {
    req.on("error", reject).on("response", (res) => resolve(res.resume().statusCode));
  });
  req.write("ab");
  await until(async () => sidecar.app.inFlight() === 1);
  const stopped = sidecar.app.stop();
  req.end("cd");
  expect(await status).toBe(200);
  await stopped;
  expect(app.got[0]?.body.toString()).toBe("abcd");
});

test("streams are answered to their end, and their connections close, told so or not", async () => {
  const responses: ServerResponse[] = [];
  const app = await startApp((_got, res) => void responses.push(res.writeHead(200, { "Content-Type": "text/plain" })));
  const sidecar = await start(quiz(app.url, "{ stream: { path: /s, mode: passthrough } }"));
  const streams = [1, 2].map(
    () =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const req = request(`${sidecar.url}/quiz/stream`, { agent: keepAlive() });
        req.on("response", resolve).on("error", reject).end();
      }),
  );
  await app.received(2);
  responses[0]?.write("the beginning, ");
  const early = await Promise.race(streams);
  const from = performance.now();
  const stopped = sidecar.app.stop();
  await until(() => refuses(sidecar.port));
  responses[1]?.write("the beginning, ");
  for (const response of responses) response.end("the end");
  const all = await Promise.all(streams);
  for (const stream of all) expect(await text(stream)).toBe("the beginning, the end");
  expect(all.map((stream) => [stream === early, stream.headers.connection]).toSorted()).toEqual([
    [false, "close"],
    [true, "keep-alive"],
  ]);
  await stopped;
  expect(performance.now() - from).toBeLessThan(5_000);
});

test("WebSockets, idle or not, are ended at limits.drain and hold up nothing longer", async () => {
  const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  cleanUp.push(() => sockets.close());
  await new Promise((resolve) => sockets.once("listening", resolve));
  const { port } = sockets.address() as { port: number };
  const live = "{ live: { path: /live, mode: passthrough } }";
  const sidecar = await start(`limits: { drain: 200ms }\n${quiz(`http://127.0.0.1:${port}`, live)}`);
  const socket = new WebSocket(`ws://127.0.0.1:${sidecar.port}/quiz/live`);
  await new Promise((resolve) => socket.once("open", resolve));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const from = performance.now();
  await sidecar.app.stop();
  expect(performance.now() - from).toBeLessThan(5_000);
  await closed;
  expect(sidecar.app.connections()).toBe(0);
});

test("after a stop nothing is left: no socket, no timer, no thread, and the same folder can be started again", async () => {
  const app = await startApp();
  const clock = createCountingClock();
  const sidecar = await start(quiz(app.url, "{ answer: /answer, stream: { path: /s, mode: passthrough } }"), { clock });
  for (const path of ["answer", "stream"]) {
    expect((await post(`${sidecar.url}/quiz/${path}`, {})).status).toBe(200);
  }
  await sidecar.app.stop();
  await app.idle();
  const left = ["TCPSocketWrap", "PipeWrap", "MessagePort", "FSEventWrap"];
  await until(async () => !process.getActiveResourcesInfo().some((kind) => kind === "TCPSocketWrap"));
  expect(process.getActiveResourcesInfo().filter((kind) => left.includes(kind))).toEqual(AT_REST);
  expect(clock.pending).toBe(0);
  const again = await startSidecar(quiz(app.url), { dir: sidecar.dir });
  await again.stop();
});

test("a start that fails closes what it had opened: the folder and the port are free, no timer is left", async () => {
  const app = await startApp();
  const clock = createCountingClock();
  const first = await start(quiz(app.url));
  const taken = (dir: string): string =>
    `version: 1\nlisten: { proxy: "127.0.0.1:0", admin: "127.0.0.1:${new URL(first.adminUrl).port}" }\ndata_dir: ${dir}\n${quiz(app.url)}`;
  const dir = `${first.dir}/second`;
  await expect(startSidecar(taken(dir), { whole: true, clock })).rejects.toThrow("is in use");
  expect(clock.pending).toBe(0);
  const free = taken(dir).replace(/admin: "[^"]+"/, 'admin: "127.0.0.1:0"');
  const second = await startSidecar(free, { whole: true });
  await second.stop();
});

/** What a test's worker holds without us. */
const AT_REST = process.getActiveResourcesInfo().filter((kind) => ["PipeWrap", "MessagePort"].includes(kind));

function opened(socket: Socket): Promise<Socket> {
  cleanUp.push(() => socket.destroy());
  socket.on("error", () => undefined);
  return new Promise((resolve) => socket.once("connect", () => resolve(socket)));
}

function refuses(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(true));
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
  });
}

/** Turns of the loop until it is so. */
async function until(so: () => Promise<boolean>): Promise<void> {
  while (!(await so())) await new Promise(setImmediate);
}
