import type { LookupFunction } from "node:net";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { Answer } from "../../src/core/exchange.ts";
import type { Fault } from "../../src/core/fault.ts";
import { createMemoryLedger } from "../../src/core/memory.ts";
import type { HealthSettings } from "../../src/core/settings.ts";
import { createUpstreamClient, type UpstreamClient } from "../../src/upstream/client.ts";
import { createProbe } from "../../src/upstream/probe.ts";
import { sendOnce } from "../../src/upstream/send.ts";
import { createExchange, sendPlan } from "../help/exchange.ts";
import {
  ANYWHERE,
  answering,
  closedPort,
  resolver,
  startAsleep,
  startPeer,
  startTlsPeer,
  upstreamOf,
} from "../help/peers.ts";
import { AUTHORITY, FAULTS, SERVER, SHORT_MS } from "./faults.cases.ts";

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

/** Of cases that do not end with it: more than a slow machine takes. */
const LONG_MS = 5000;

type Given = Awaited<ReturnType<(typeof FAULTS)[number]["open"]>>;

const HEALTH: HealthSettings = {
  path: "/health",
  pathNamed: true,
  intervalMs: 2000,
  timeoutMs: LONG_MS,
  unhealthyAfter: 2,
  healthyAfter: 5,
  fastIntervalMs: 500,
  expect: [{ from: 200, to: 299 }],
};

function clientOf({ peer, url, lookup, ca }: Given, connectTimeoutMs = LONG_MS): UpstreamClient {
  const tls = ca === undefined ? null : { ca, cert: null, key: null, serverName: null };
  const deps = { clock: systemClock, egress: ANYWHERE, ...(lookup && { lookup }) };
  const client = createUpstreamClient(upstreamOf(url), { connections: 4, connectTimeoutMs, tls }, deps);
  cleanUp.push(async () => {
    await client.close();
    await peer?.stop();
  });
  return client;
}

function send(client: UpstreamClient, connectTimeoutMs = LONG_MS): Promise<Answer | Fault> {
  const deps = { clock: systemClock, memory: createMemoryLedger(1 << 20), leave: () => undefined };
  const x = createExchange({ tryMs: LONG_MS, deadlineAt: systemClock.now() + LONG_MS, body: Buffer.from("{}") });
  return sendOnce(client, sendPlan({ connectTimeoutMs }), deps, x) as Promise<Answer | Fault>;
}

const probe = (client: UpstreamClient) => createProbe(client, HEALTH, { clock: systemClock, version: "0.0.0" })();

test.each(FAULTS)("$name is named the same to a request and to a probe", async ({ open, fault, detail, late }) => {
  const patienceMs = late === true ? SHORT_MS : LONG_MS;
  const client = clientOf(await open(), patienceMs);
  const sent = await send(client, patienceMs);
  expect(sent).toMatchObject({ kind: "fault", upstream: "primary", ...fault });
  expect(sent.detail).toMatch(detail);
  const { written: _, ...named } = fault;
  const found = await probe(client);
  expect(found).toMatchObject({ status: "unhealthy", answered: false, httpStatus: 0, details: null, ...named });
  expect(found.detail).toMatch(detail);
});

test("a peer that resets at once is unwritten where that is seen before the first byte, else written", async () => {
  const peer = await startPeer((socket) => socket.resetAndDestroy());
  const client = clientOf({ peer, url: `http://127.0.0.1:${peer.port}` });
  const sent = (await send(client)) as Fault;
  expect(sent).toMatchObject({ kind: "fault", proxyError: "connection_terminated" });
  expect([sent.reason, sent.written]).toEqual(sent.reason === "connect" ? ["connect", false] : ["reset", true]);
  expect(await probe(client)).toMatchObject({ status: "unhealthy", proxyError: "connection_terminated" });
});

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/** The first address takes no connections, in either way. */
const FIRSTS = {
  refuses: async () => ({ port: 0, stop: async () => undefined }),
  hangs: () => startAsleep({ host: "127.0.0.2", full: true }),
};

for (const [how, startFirst] of Object.entries(FIRSTS)) {
  for (const scheme of ["http", "https"] as const) {
    for (const family of [4, 6] as const) {
      test(`${scheme}: when the first address of a name ${how}, the next (IPv${family}) is used`, async () => {
        const first = await startFirst();
        cleanUp.push(() => first.stop());
        const where = { host: family === 4 ? "127.0.0.1" : "::1", port: first.port };
        const peer = await (scheme === "http"
          ? startPeer(answering(OK), where)
          : startTlsPeer(SERVER, answering(OK), where));
        const url = `${scheme}://app.test:${peer.port}`;
        const lookup = resolver(["127.0.0.2", where.host]);
        const client = clientOf({ peer, url, lookup, ca: AUTHORITY.cert }, 1200);
        expect(await send(client, 1200)).toMatchObject({ kind: "answer", status: 200 });
        expect(await probe(client)).toMatchObject({ status: "healthy", httpStatus: 200 });
      });
    }
  }
}

test("of many addresses that hang, three cost no more than the connect timeout: the fourth is used", async () => {
  const deaf = await startAsleep({ host: "127.0.0.2", full: true });
  cleanUp.push(() => deaf.stop());
  const alsoDeaf = await startAsleep({ host: "127.0.0.3", port: deaf.port, full: true });
  cleanUp.push(() => alsoDeaf.stop());
  const peer = await startPeer(answering(OK), { port: deaf.port });
  const lookup = resolver(["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"]);
  const client = clientOf({ peer, url: `http://app.test:${peer.port}`, lookup }, 1000);
  expect(await send(client, 1000)).toMatchObject({ kind: "answer", status: 200 });
});

test("an upstream may be an IPv6 address, with and without TLS", async () => {
  const plain = await startPeer(answering(OK), { host: "::1" });
  const secure = await startTlsPeer(SERVER, answering(OK), { host: "::1" });
  for (const [peer, scheme] of [
    [plain, "http"],
    [secure, "https"],
  ] as const) {
    const client = clientOf({ peer, url: `${scheme}://[::1]:${peer.port}`, ca: AUTHORITY.cert });
    expect(await send(client)).toMatchObject({ kind: "answer", status: 200 });
    expect(await probe(client)).toMatchObject({ status: "healthy" });
  }
});

test("a lookup is only blamed while it holds up every connection under way", async () => {
  const peer = await startAsleep({ full: true });
  let asked = 0;
  const lookup: LookupFunction = (name, options, callback) =>
    resolver(asked++ === 0 ? null : ["127.0.0.1"])(name, options, callback);
  const client = clientOf({ peer, url: `http://app.test:${peer.port}`, lookup }, 4 * SHORT_MS);
  expect(await send(client, SHORT_MS)).toMatchObject({ reason: "dns", proxyError: "dns_timeout" });
  const both = await Promise.all([send(client, SHORT_MS), send(client, SHORT_MS)]);
  expect(both).toMatchObject([{ proxyError: "connection_timeout" }, { proxyError: "connection_timeout" }]);
});

test("addresses are told of only where there is more than one", async () => {
  const { port } = await closedPort();
  for (const lookup of [resolver(["127.0.0.1"]), resolver(["127.0.0.1", "127.0.0.1"])]) {
    const client = clientOf({ peer: null, url: `http://app.test:${port}`, lookup });
    expect(await send(client)).toMatchObject({ detail: "connection failed: ECONNREFUSED" });
  }
});
