import type { X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { Agent, request } from "node:https";
import { connect, createServer, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { hang, startTestApp, type TestApp } from "../help/app.ts";
import { call, post } from "../help/call.ts";
import { type Certificate, createCertificate } from "../help/certificate.ts";
import { startChild } from "../help/child.ts";
import { rawExchange, statusOf, values } from "../help/raw.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** Where callers come in: each kind of address, TLS, and what a full listener says. */

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function startApp(...behaviour: Parameters<typeof startTestApp>): Promise<TestApp> {
  const app = await startTestApp(...behaviour);
  cleanUp.push(() => app.stop());
  return app;
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-listen-"));
  cleanUp.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function quiz(url: string, webhooks = "{ answer: /answer }"): string {
  return `apps: { quiz: { owner: dev@quiz.example, url: "${url}", webhooks: ${webhooks} } }\n`;
}

function whole(listen: string, app: TestApp, more = ""): string {
  return `version: 1\nlisten: { admin: "127.0.0.1:0", ${listen} }\ndata_dir: ./data\n${more}${quiz(app.url)}`;
}

/** Starts with this inside `listen:`; an error is thrown with its text. */
async function start(listen: string, app: TestApp, dir = folder(), more = ""): Promise<Sidecar> {
  const sidecar = await startSidecar(whole(listen, app, more), { whole: true, dir });
  cleanUp.push(() => sidecar.stop());
  return sidecar;
}

test("port 0 becomes a free port, which is told", async () => {
  const sidecar = await start('proxy: "127.0.0.1:0"', await startApp());
  expect(sidecar.app.proxy).toMatch(/^127\.0\.0\.1:[1-9]\d{3,}$/);
  expect((await post(`${sidecar.url}/quiz/answer`, {})).status).toBe(200);
});

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));

test.runIf(hasIpv6)("an IPv6 address is served and told in brackets", async () => {
  const sidecar = await start('proxy: "[::1]:0"', await startApp());
  expect(sidecar.app.proxy).toMatch(/^\[::1\]:[1-9]\d+$/);
  expect((await post(`http://${sidecar.app.proxy}/quiz/answer`, {})).status).toBe(200);
});

test("an address of another machine is refused, saying what to change", async () => {
  const refused = "192.0.2.1:8080 is no address of this machine: set another one in listen";
  await expect(start('proxy: "192.0.2.1:8080"', await startApp())).rejects.toThrow(refused);
});

test("a unix socket is served to user and group and nobody else, and is gone after the stop", async () => {
  const dir = folder();
  const path = join(dir, "proxy.sock");
  const sidecar = await start("proxy: unix:./proxy.sock", await startApp(), dir);
  expect(sidecar.app.proxy).toBe(`unix:${path}`);
  expect((statSync(path).mode & 0o777).toString(8)).toBe("660");
  expect(await overUnix(path)).toBe(200);
  await sidecar.stop();
  expect(existsSync(path)).toBe(false);
});

test("a unix socket left behind by a process that was killed is taken over", async () => {
  const app = await startApp();
  const dir = folder();
  const path = join(dir, "proxy.sock");
  const child = await startChild(quiz(app.url), { dir, proxy: `unix:${path}` });
  child.signal("SIGKILL");
  await child.ended;
  expect(existsSync(path)).toBe(true);
  await start("proxy: unix:./proxy.sock", app, dir);
  expect(await overUnix(path)).toBe(200);
});

test("a unix socket in use is refused and left to its owner", async () => {
  const dir = folder();
  const path = join(dir, "proxy.sock");
  const other = createServer((socket) => socket.on("error", () => socket.destroy()).end("mine")).listen(path);
  cleanUp.push(() => other.close());
  await new Promise((resolve) => other.once("listening", resolve));
  await expect(start("proxy: unix:./proxy.sock", await startApp(), dir)).rejects.toThrow(`unix:${path} is in use`);
  expect(await text(connect(path))).toBe("mine");
});

test("a unix socket in a folder that is not there says which is missing", async () => {
  const dir = folder();
  await expect(start("proxy: unix:./none/proxy.sock", await startApp(), dir)).rejects.toThrow(
    `there is no folder ${join(dir, "none")}; make it`,
  );
});

test("a file where the socket should be is never removed", async () => {
  const dir = folder();
  writeFileSync(join(dir, "proxy.sock"), "precious");
  await expect(start("proxy: unix:./proxy.sock", await startApp(), dir)).rejects.toThrow("is no socket: remove it");
  expect(existsSync(join(dir, "proxy.sock"))).toBe(true);
});

test("over limits.connections a caller has 503 with Retry-After at once, and no app sees what it sends", async () => {
  const app = await startApp(hang);
  const sidecar = await start('proxy: "127.0.0.1:0"', app, folder(), "limits: { connections: 2 }\n");
  const held = [await opened(connect(sidecar.port, "127.0.0.1")), await opened(connect(sidecar.port, "127.0.0.1"))];
  await until(() => sidecar.app.connections() === 2);
  const body = "POST /quiz/answer HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
  for (const bytes of ["", body]) {
    const { messages, closed } = await rawExchange(sidecar.port, bytes);
    const [answer] = messages;
    expect(closed).toBe(true);
    expect(messages.length).toBe(1);
    expect(statusOf(answer)).toBe(503);
    expect(answer && values(answer, "retry-after")).toEqual(["1"]);
    expect(answer && values(answer, "connection")).toEqual(["close"]);
    expect(answer && values(answer, "outrigger-outcome")).toEqual(["rejected;reason=overload"]);
    const problem = { type: "urn:outrigger:problem:overload", status: 503 };
    expect(JSON.parse(answer?.body.toString() ?? "")).toMatchObject(problem);
  }
  expect(app.got).toEqual([]);
  expect(sidecar.app.connections()).toBe(2);
  held[0]?.destroy();
  await until(() => sidecar.app.connections() === 1);
  app.behave((_got, res) => res.end("{}"));
  expect((await post(`${sidecar.url}/quiz/answer`, {})).status).toBe(200);
  expect(app.got.length).toBe(1);
  const done = sidecar.events.filter((event) => event.type === "request.completed");
  expect(done.filter((event) => event.outcome !== "rejected")).toHaveLength(1);
  for (const refused of done.filter((event) => event.outcome === "rejected")) expect(refused.reason).toBe("overload");
});

test("a raised or lowered cap holds from the next connection on, and harms none that stands", async () => {
  const app = await startApp();
  const sidecar = await start('proxy: "127.0.0.1:0"', app);
  const held = await opened(connect(sidecar.port, "127.0.0.1"));
  await until(() => sidecar.app.connections() === 1);
  const answer = new Promise<string>((resolve) => held.once("data", (chunk) => resolve(String(chunk))));
  const apply = async (cap: number): Promise<void> => {
    writeFileSync(sidecar.file, whole('proxy: "127.0.0.1:0"', app, `limits: { connections: ${cap} }\n`));
    expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
  };
  await apply(1);
  expect(statusOf((await rawExchange(sidecar.port, "")).messages[0])).toBe(503);
  held.write("GET /quiz/answer HTTP/1.1\r\nHost: a\r\n\r\n");
  expect(await answer).toContain("200 OK");
  await apply(2);
  expect((await post(`${sidecar.url}/quiz/answer`, {})).status).toBe(200);
});

test("as an http_proxy for a platform: the absolute form reaches the route that names the host, and no other", async () => {
  const app = await startApp();
  const routes = '{ winner: { path: /won, match: { host: quiz.example, path: "/hooks/*" } }, answer: /answer }';
  const sidecar = await startSidecar(quiz(app.url, routes));
  cleanUp.push(() => sidecar.stop());
  const asProxy = (target: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const { host } = new URL(target);
      const req = httpRequest({
        host: "127.0.0.1",
        port: sidecar.port,
        path: target,
        method: "POST",
        headers: { host },
      });
      req.on("response", (res) => resolve(res.resume().statusCode ?? 0)).on("error", reject);
      req.end("{}");
    });
  expect(await asProxy("http://quiz.example/hooks/a%2Fb?x=1")).toBe(200);
  expect(app.got[0]).toMatchObject({ url: "/won/a%2Fb?x=1", headers: { "x-forwarded-host": "quiz.example" } });
  expect(await asProxy("http://other.example/hooks/a")).toBe(404);
  expect(await asProxy("http://other.example/quiz/answer")).toBe(400);
  expect(app.got.length).toBe(1);
});

/** Files of a listener's certificate; `use` writes another one over them. */
function tlsFolder(first: Certificate, clientCa?: Certificate) {
  const dir = folder();
  const use = ({ cert, key }: Pick<Certificate, "cert" | "key">): void => {
    writeFileSync(join(dir, "cert.pem"), cert);
    writeFileSync(join(dir, "key.pem"), key);
  };
  use(first);
  if (clientCa) writeFileSync(join(dir, "ca.pem"), clientCa.cert);
  const client = clientCa ? ", client_ca: ./ca.pem" : "";
  return { dir, use, listen: `proxy: "127.0.0.1:0", tls: { cert: ./cert.pem, key: ./key.pem${client} }` };
}

test("over TLS: callers who trust the authority are served, plain HTTP is not, and connections are counted", async () => {
  const ca = createCertificate("authority");
  const app = await startApp();
  const { dir, listen } = tlsFolder(createCertificate("first", ca));
  const sidecar = await start(listen, app, dir, "limits: { connections: 2 }\n");
  const answer = await overTls(sidecar, { ca: ca.cert });
  expect(answer).toMatchObject({ status: 200, name: "first" });
  expect(app.got[0]?.headers["x-forwarded-proto"]).toBe("https");
  await expect(call(`http://127.0.0.1:${sidecar.port}/quiz/answer`)).rejects.toThrow();
  await until(() => sidecar.app.connections() === 0);

  const held = await Promise.all([1, 2].map(() => openedTls(sidecar, { ca: ca.cert })));
  await until(() => sidecar.app.connections() === 2);
  const full = await openedTls(sidecar, { ca: ca.cert });
  expect(await text(full)).toMatch(/^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n/s);
  for (const socket of held) socket.destroy();
  await until(() => sidecar.app.connections() === 0);
});

test("over TLS, too, a stop waits for nobody longer than limits.drain: not for a call, not for a handshake", async () => {
  const ca = createCertificate("authority");
  const app = await startApp(hang);
  const { dir, listen } = tlsFolder(createCertificate("first", ca));
  const sidecar = await start(listen, app, dir, "limits: { drain: 200ms }\n");
  const hanging = overTls(sidecar, { ca: ca.cert }).catch((error: NodeJS.ErrnoException) => error.code);
  await app.received(1);
  const silent = await opened(connect(sidecar.port, "127.0.0.1"));
  const closed = new Promise((resolve) => silent.on("error", () => undefined).on("close", resolve));
  const from = performance.now();
  await sidecar.stop();
  expect(performance.now() - from).toBeLessThan(5_000);
  expect(await hanging).toBe("ECONNRESET");
  await closed;
});

test("with client_ca only callers whose certificate it signed come in", async () => {
  const ca = createCertificate("authority");
  const clients = createCertificate("clients");
  const app = await startApp();
  const { dir, listen } = tlsFolder(createCertificate("first", ca), clients);
  const sidecar = await start(listen, app, dir);
  const known = createCertificate("a platform", clients);
  const stranger = createCertificate("a stranger");
  expect(await overTls(sidecar, { ca: ca.cert, cert: known.cert, key: known.key })).toMatchObject({ status: 200 });
  await expect(overTls(sidecar, { ca: ca.cert })).rejects.toThrow();
  await expect(overTls(sidecar, { ca: ca.cert, cert: stranger.cert, key: stranger.key })).rejects.toThrow();
  expect(app.got.length).toBe(1);
});

test("a changed certificate holds for new connections, without a call; those that stand go on", async () => {
  const ca = createCertificate("authority");
  const app = await startApp();
  const { dir, use, listen } = tlsFolder(createCertificate("first", ca));
  const sidecar = await start(listen, app, dir);
  const kept = new Agent({ keepAlive: true, maxSockets: 1, ca: ca.cert });
  cleanUp.push(() => kept.destroy());
  expect(await overTls(sidecar, {}, kept)).toMatchObject({ status: 200, name: "first" });
  use(createCertificate("second", ca));
  await sidecar.event("manifest.applied", (event) => event.by === "file");
  expect(await overTls(sidecar, { ca: ca.cert })).toMatchObject({ status: 200, name: "second" });
  expect(await overTls(sidecar, {}, kept)).toMatchObject({ status: 200, name: "first" });
});

test("a certificate without its key is refused with file, line and column, and the old one goes on", async () => {
  const ca = createCertificate("authority");
  const app = await startApp();
  const first = createCertificate("first", ca);
  const { dir, use, listen } = tlsFolder(first);
  const sidecar = await start(listen, app, dir);
  const before = sidecar.app.manifests.current;
  use({ cert: createCertificate("second", ca).cert, key: first.key });
  const result = await sidecar.app.reload("test");
  const problem = `${sidecar.file}:2:\\d+ listen\\.tls: certificate, key and client_ca can't be used: .*key values mismatch`;
  expect(result).toEqual({ ok: false, error: [expect.stringMatching(problem)] });
  expect(sidecar.app.manifests.current).toBe(before);
  expect(await overTls(sidecar, { ca: ca.cert })).toMatchObject({ status: 200, name: "first" });
  await sidecar.stop();
  await expect(start(listen, app, dir)).rejects.toThrow("key values mismatch");
});

test("an app's certificate that can't be used is refused by name at start", async () => {
  const dir = folder();
  writeFileSync(join(dir, "ca.pem"), "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n");
  const yaml = 'apps: { quiz: { url: "https://127.0.0.1:1", tls: { ca: ./ca.pem }, webhooks: { answer: /answer } } }\n';
  await expect(startSidecar(yaml, { dir })).rejects.toThrow(/outrigger\.yaml:4:\d+ apps\.quiz\.tls: ca, cert and key/);
});

/** What a caller over TLS got: the status, and whose certificate it saw. */
function overTls(
  { port }: Sidecar,
  trust: { ca?: string; cert?: string; key?: string },
  agent = new Agent({ keepAlive: false }),
): Promise<{ readonly status: number; readonly name: string }> {
  return new Promise((resolve, reject) => {
    const req = request({ host: "127.0.0.1", port, path: "/quiz/answer", method: "POST", agent, ...trust });
    req.on("error", reject).on("response", (res) => {
      const certificate = (res.socket as TLSSocket).getPeerX509Certificate();
      res.resume().on("end", () => resolve({ status: res.statusCode ?? 0, name: nameOf(certificate) }));
    });
    req.end("{}");
  });
}

function nameOf(certificate: X509Certificate | undefined): string {
  return certificate?.subject.replace("CN=", "") ?? "";
}

function openedTls({ port }: Sidecar, trust: { ca: string }): Promise<TLSSocket> {
  const socket = connectTls({ host: "127.0.0.1", port, ...trust });
  cleanUp.push(() => socket.destroy());
  return new Promise((resolve, reject) => {
    socket.once("error", reject).once("secureConnect", () => resolve(socket));
  });
}

function overUnix(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const req = httpRequest({ socketPath: path, path: "/quiz/answer", method: "POST" });
    req.on("response", (res) => resolve(res.resume().statusCode ?? 0)).on("error", reject);
    req.end("{}");
  });
}

function opened(socket: Socket): Promise<Socket> {
  cleanUp.push(() => socket.destroy());
  return new Promise((resolve) => socket.once("connect", () => resolve(socket)));
}

/** Turns of the loop until it is so. */
async function until(so: () => boolean): Promise<void> {
  while (!so()) await new Promise(setImmediate);
}
