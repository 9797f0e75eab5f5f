import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { startTestApp } from "../help/app.ts";
import { beside, counted, die, FOR_LONG, finished, from, HASTY, PATIENT, startQuiz, toyHere } from "../help/pair.ts";
import type { ToySeen } from "../help/toy.ledger.ts";
import type { Toy } from "../help/toy.ts";

/** What a request that moves carries, where it may go, and who is told. */

const KEY = Buffer.from("a key of at least 16 bytes");
const SIGN = { sign: { scheme: "standard-webhooks", secrets: [`whsec_${KEY.toString("base64")}`] } };

const callsOf = (toy: Toy): readonly ToySeen[] => toy.seen.filter(({ probe }) => !probe);

function isSigned({ headers, body }: ToySeen): boolean {
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  return headers["webhook-signature"] === `v1,${createHmac("sha256", KEY).update(signed).digest("base64")}`;
}

beside("one request on two upstreams: the same id, another try, and a signature of its own", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const hook = { ...PATIENT, timeout: "30s" };
  // A timestamp is in seconds, so the move takes more than one.
  const given = {
    failover: { hang_after: "1100ms", min_samples: 1000 },
    recovery: FOR_LONG,
    webhooks: { hook },
    app: SIGN,
  };
  const sidecar = await startQuiz([primary, backup], { ...given, health: { ...HASTY, unhealthy_after: 10 } });
  for (let n = 0; n < 20; n++) await sidecar.hook();
  await primary.behave({ kind: "hang" });
  const { headers } = await sidecar.hook({ headers: { "X-Request-ID": "mine" } });
  expect(headers["x-request-id"]).toBe("mine");
  const [first, second] = [callsOf(primary).at(-1), callsOf(backup).at(-1)] as [ToySeen, ToySeen];
  const sent = { "x-request-id": "mine", "webhook-id": "mine", "x-max-attempts": "2" };
  expect(first.headers).toMatchObject({ ...sent, "x-retry-attempt": "0" });
  expect(second.headers).toMatchObject({ ...sent, "x-retry-attempt": "1" });
  expect([isSigned(first), isSigned(second), first.body.equals(second.body)]).toEqual([true, true, true]);
  expect(Number(second.headers["webhook-timestamp"])).toBeGreaterThan(Number(first.headers["webhook-timestamp"]));
  expect(second.headers["outrigger-in-doubt"]).toBeUndefined();
  const completed = await sidecar.event("request.completed", ({ id }) => id === "mine");
  expect(completed).toMatchObject({ outcome: "ok", reason: null, status: 200, retries: ["timeout"], denied: null });
  const [lost, good] = completed.attempts;
  expect(lost?.durationMs).toBeGreaterThanOrEqual(1000);
  expect(completed.durationMs).toBeGreaterThanOrEqual((lost?.durationMs ?? 0) + (good?.durationMs ?? 0));
});

beside(
  "one attempt at a job on two upstreams counts once; what follows a send without an answer is in doubt",
  async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const later = { ...PATIENT, mode: "async", retry: { attempts: 3, initial: "20ms", max: "20ms" } };
    const failover = { consecutive_failures: 100 };
    const sidecar = await startQuiz([primary, backup], { failover, webhooks: { later }, app: SIGN });
    for (const toy of [primary, backup]) {
      await toy.health("healthy");
      await toy.behave({ kind: "reset" });
    }
    await sidecar.hook({ headers: { "X-Request-ID": "mine" } }, "later");
    expect(await sidecar.event("dlq.added")).toMatchObject({ reason: "attempts_exhausted", sends: 6 });
    const all = [primary, backup].map((toy) =>
      callsOf(toy).map(({ headers }) => [headers["x-retry-attempt"], headers["outrigger-in-doubt"] ?? "no"]),
    );
    expect(all).toEqual([
      [
        ["0", "no"],
        ["2", "?1"],
        ["4", "?1"],
      ],
      [
        ["1", "?1"],
        ["3", "?1"],
        ["5", "?1"],
      ],
    ]);
    const calls = [primary, backup].flatMap(callsOf);
    expect(new Set(calls.map(({ headers }) => headers["x-request-id"]))).toEqual(new Set(["mine"]));
    expect(calls.every(isSigned)).toBe(true);
  },
);

beside("a failover and a failback call an HTTP endpoint, with where the traffic went in the body", async () => {
  const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
  const endpoint = await startTestApp();
  finished(() => endpoint.stop());
  const hook = {
    type: "http",
    method: "PATCH",
    url: `${endpoint.url}/hooks/{event:app}`,
    headers: { Authorization: "Bearer abc" },
    body: {
      url: "{event:to_url}/hook",
      was: "{event:from_url}",
      why: "{event:type} {event:reason}",
      ms: "{event:duration_ms}",
    },
  };
  const notify = { channels: { hook }, routes: [{ on: ["failover", "failback"], apps: ["quiz"], to: ["hook"] }] };
  const sidecar = await startQuiz([primary, backup], { more: { notify }, recovery: { successes: 2, hold: "100ms" } });
  await die(sidecar, primary);
  await primary.behave({ kind: "well" });
  await endpoint.received(2);
  const moves = await sidecar.moves();
  expect(endpoint.got.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
    ["PATCH", "/hooks/quiz", "Bearer abc"],
    ["PATCH", "/hooks/quiz", "Bearer abc"],
  ]);
  const [away, back] = endpoint.got.map(({ body }) => JSON.parse(String(body)) as Record<string, unknown>);
  expect(away).toMatchObject({ url: `${backup.url}/hook`, was: primary.url, why: "failover probe" });
  expect(back).toMatchObject({ url: `${primary.url}/hook`, was: backup.url, why: "failback recovered" });
  for (const [i, said] of [away, back].entries()) expect(said?.ms).toBe(moves[i]?.duration_ms);
});

const ALONE = { hook: { ...PATIENT, retry: { attempts: 1 } } };

beside(
  "an app with one upstream is told of when it is down, again at the third failure, and when it is up; it never moves",
  async () => {
    const only = await toyHere("only");
    const sidecar = await startQuiz([only], { webhooks: ALONE });
    await only.behave({ kind: "status", status: 500 });
    await sidecar.event("upstream.down", ({ alert }) => alert);
    expect((await sidecar.hook()).status).toBe(500);
    await only.behave({ kind: "well" });
    await sidecar.event("upstream.up");
    expect(from(await sidecar.hook())).toBe("only");
    const said = sidecar.events.filter(({ type }) => type.startsWith("upstream."));
    expect(said).toMatchObject([
      { type: "upstream.down", upstream: "only", alert: false, consecutiveFailures: 2, status: "unhealthy" },
      { type: "upstream.down", upstream: "only", alert: true, consecutiveFailures: 3, status: "unhealthy" },
      { type: "upstream.up", upstream: "only", alert: false, status: "healthy" },
    ]);
    expect(sidecar.told()).toEqual([]);
  },
);

beside("traffic of an app with one upstream hastens no probe, however it fails", async () => {
  const only = await toyHere("only");
  const sidecar = await startQuiz([only], { health: { interval: "1h" }, webhooks: ALONE });
  await only.behave({ kind: "status", status: 500 });
  const answers = await Promise.all(Array.from({ length: 20 }, () => sidecar.hook()));
  expect(counted(answers)).toEqual({ "failed;reason=status": 20 });
  expect([only.calls(), only.probes()]).toEqual([20, 0]);
});

async function listening(host: string, answer: string): Promise<number> {
  const server = createServer((_req, res) => res.end(JSON.stringify({ from: answer })));
  server.listen(0, host);
  await once(server, "listening");
  finished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

beside("a primary known by a name, a backup by an IPv6 address", async () => {
  const primary = await toyHere("primary");
  const backup = { name: "backup", url: `http://[::1]:${await listening("::1", "backup")}` };
  const named = { ...primary, url: `http://localhost:${primary.port}` };
  const sidecar = await startQuiz([named, backup], { recovery: FOR_LONG });
  expect(from(await sidecar.hook())).toBe("primary");
  await die(sidecar, primary);
  const answers = await Promise.all(Array.from({ length: 10 }, () => sidecar.hook()));
  expect(counted(answers, from)).toEqual({ backup: 10 });
  expect((await sidecar.failover()).upstreams[1]).toMatchObject({ status: "healthy", active: true });
});

beside("what streams goes to the backup, too, when the primary is away: requests and WebSockets", async () => {
  const primary = await toyHere("primary");
  const server = createServer((req, res) =>
    res.end(JSON.stringify({ from: req.url === "/health" ? "health" : "backup" })),
  );
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => socket.on("message", (said) => socket.send(`backup heard ${said}`)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  finished(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  const backup = { name: "backup", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  const webhooks = { stream: { path: "/stream", mode: "passthrough" } };
  const sidecar = await startQuiz([primary, backup], { recovery: FOR_LONG, webhooks });
  expect(from(await sidecar.hook({}, "stream"))).toBe("primary");
  await die(sidecar, primary);
  expect(from(await sidecar.hook({}, "stream"))).toBe("backup");
  const socket = new WebSocket(`${sidecar.url.replace("http", "ws")}/quiz/stream`);
  finished(() => socket.terminate());
  await once(socket, "open");
  socket.send("hello");
  const [heard] = (await once(socket, "message")) as [Buffer];
  expect(String(heard)).toBe("backup heard hello");
});
