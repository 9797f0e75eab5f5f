import type { LookupFunction, Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { compileEgress } from "../../src/core/egress.ts";
import type { EgressSettings } from "../../src/core/settings.service.ts";
import type { AppSettings } from "../../src/core/settings.ts";
import type { ConnectError } from "../../src/upstream/connect.error.ts";
import { createConnector } from "../../src/upstream/connect.ts";
import { guardLookup } from "../../src/upstream/egress.ts";
import { type Dns, startDns, type Zone } from "../help/dns.ts";
import { resolver, startPeer, startTlsPeer, upstreamOf } from "../help/peers.ts";
import { AUTHORITY, SERVER } from "./faults.cases.ts";

const cleanUp: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

/** Loopback stands for the internet where a range of it is opened. */
interface Given extends Partial<EgressSettings> {
  readonly network?: AppSettings["network"];
  readonly tls?: boolean;
}

type Outcome = { readonly to: string | undefined } | { readonly refused: string; readonly why: string };

/** Peers at one port of several loopback addresses, and connections to a name by the connector of an app. */
async function place(hosts: readonly string[], ...zones: Zone[]) {
  const dns: Dns = await startDns({ "app.test": zones });
  cleanUp.push(dns.stop);
  const got: Record<string, number> = {};
  let port = 0;
  for (const host of hosts) {
    const greet = (socket: Socket): void => {
      got[host] = (got[host] ?? 0) + 1;
      socket.write("hello");
    };
    const peer = await startPeer(greet, { host, port });
    cleanUp.push(peer.stop);
    port = peer.port;
  }
  return {
    dns,
    got,
    port,
    dial: (given: Given = {}, url = `http://app.test:${port}`) => dial(url, dns.lookup, given),
  };
}

function dial(url: string, lookup: LookupFunction, given: Given): Promise<Outcome> {
  const { network = "any", tls = false, allow = [], deny = [] } = given;
  const egress = compileEgress({ default: given.default ?? "any", allow, deny }, network);
  const material = tls ? { ca: AUTHORITY.cert, cert: null, key: null, serverName: null } : null;
  const { connect } = createConnector(upstreamOf(url), material, () => 5000, { clock: systemClock, egress, lookup });
  return new Promise((resolve) => {
    connect(null, (error: Error | null, socket: Socket | null) => {
      const { proxyError, reason, message } = (error ?? {}) as Partial<ConnectError>;
      if (error !== null) return resolve({ refused: `${reason} ${proxyError}`, why: String(message) });
      const to = socket?.remoteAddress;
      // The peer has seen it when it greets.
      socket?.once("data", () => {
        socket.destroy();
        resolve({ to });
      });
    });
  });
}

const PROHIBITED = "egress destination_ip_prohibited";

test("a name is looked up once for a connection, and the address that was checked is dialled: no rebinding", async () => {
  const { dns, dial, got } = await place(["127.0.0.2", "127.0.0.1"], { a: ["127.0.0.2"] }, { a: ["127.0.0.1"] });
  const given = { network: "public", allow: ["127.0.0.2/32"] } as const;
  expect(await dial(given)).toEqual({ to: "127.0.0.2" });
  expect(dns.asked("app.test")).toBe(1);
  expect(await dial(given)).toEqual({
    refused: PROHIBITED,
    why: "127.0.0.1 (of app.test) is a loopback address: add 127.0.0.0/8 to egress.allow, or network: private to the app",
  });
  expect(dns.asked("app.test")).toBe(2);
  expect(got).toEqual({ "127.0.0.2": 1 });
});

test("the same over TLS", async () => {
  const dns = await startDns({ "app.test": [{ a: ["127.0.0.2"] }, { a: ["127.0.0.1"] }] });
  cleanUp.push(dns.stop);
  const reached: string[] = [];
  const greetAs = (host: string) => (socket: Socket) => {
    reached.push(host);
    socket.write("hello");
  };
  const peer = await startTlsPeer(SERVER, greetAs("127.0.0.2"), { host: "127.0.0.2" });
  cleanUp.push(peer.stop);
  const other = await startTlsPeer(SERVER, greetAs("127.0.0.1"), { host: "127.0.0.1", port: peer.port });
  cleanUp.push(other.stop);
  const given = { network: "public", allow: ["127.0.0.2/32"], tls: true } as const;
  const url = `https://app.test:${peer.port}`;
  expect(await dial(url, dns.lookup, given)).toEqual({ to: "127.0.0.2" });
  expect(await dial(url, dns.lookup, given)).toMatchObject({ refused: PROHIBITED });
  expect(await dial(`https://127.0.0.1:${peer.port}`, dns.lookup, given)).toMatchObject({ refused: PROHIBITED });
  expect([reached, dns.asked("app.test")]).toEqual([["127.0.0.2"], 2]);
});

test("where a name has good and bad addresses, public refuses it, any and private dial the good ones", async () => {
  const both: Zone = { a: ["169.254.169.254", "127.0.0.1"], aaaa: ["2606:4700::1111"] };
  const { dial, got } = await place(["127.0.0.1"], both);
  const allow = ["127.0.0.1/32"];
  expect(await dial({ network: "public", allow })).toMatchObject({
    refused: PROHIBITED,
    why: expect.stringMatching(/^169\.254\.169\.254 \(of app\.test\) is the metadata address of a cloud: /) as string,
  });
  expect(got).toEqual({});
  expect(await dial({ network: "any", deny: ["2606:4700::/32"] })).toEqual({ to: "127.0.0.1" });
  expect(await dial({ network: "private" })).toEqual({ to: "127.0.0.1" });
});

test("where a name has bad addresses only, every network refuses it", async () => {
  const { dial } = await place(["127.0.0.1"], { a: ["169.254.169.254", "0.0.0.0"], aaaa: ["fe80::1", "::"] });
  for (const network of ["any", "public", "private"] as const) {
    expect([network, await dial({ network })]).toMatchObject([network, { refused: PROHIBITED }]);
  }
});

test.each<{ name: string; zone: Zone; open: readonly string[] }>([
  { name: "an alias of an alias", zone: { cname: ["a.test", "b.test"], a: ["127.0.0.1"] }, open: ["any", "private"] },
  { name: "a mapped address", zone: { aaaa: ["::ffff:127.0.0.1"] }, open: ["any", "private"] },
  { name: "a mapped address of metadata", zone: { aaaa: ["::ffff:169.254.169.254"] }, open: [] },
  { name: "a way through NAT64 to metadata", zone: { aaaa: ["64:ff9b::a9fe:a9fe"] }, open: [] },
  { name: "a way through 6to4 to metadata", zone: { aaaa: ["2002:a9fe:a9fe::1"] }, open: [] },
  { name: "this machine by its wildcard", zone: { a: ["0.0.0.0"] }, open: [] },
])("$name is what its address is", async ({ zone, open }) => {
  const { dial } = await place(["127.0.0.1"], zone);
  for (const network of ["any", "public", "private"] as const) {
    const outcome = await dial({ network });
    expect([network, "to" in outcome]).toEqual([network, open.includes(network)]);
    if ("refused" in outcome) expect(outcome.refused).toBe(PROHIBITED);
  }
});

test("an address in a URL is checked, though nobody looks it up, and the refusal comes after the call", async () => {
  const { dial, port, got, dns } = await place(["127.0.0.1"]);
  expect(await dial({ network: "public" }, `http://127.0.0.1:${port}`)).toEqual({
    refused: PROHIBITED,
    why: "127.0.0.1 is a loopback address: add 127.0.0.0/8 to egress.allow, or network: private to the app",
  });
  expect(await dial({ deny: ["127.0.0.0/8"] }, `http://[::ffff:127.0.0.1]:${port}`)).toMatchObject({
    refused: PROHIBITED,
  });
  expect(await dial({}, "http://169.254.169.254")).toMatchObject({ refused: PROHIBITED });
  expect([got, dns.asked("app.test")]).toEqual([{}, 0]);
  expect(await dial({ network: "private" }, `http://127.0.0.1:${port}`)).toEqual({ to: "127.0.0.1" });
});

test("a connection to a forbidden address that was given up is said to be given up, once", async () => {
  const egress = compileEgress({ default: "any", allow: [], deny: [] }, "public");
  const deps = { clock: systemClock, egress };
  const { connect } = createConnector(upstreamOf("http://127.0.0.1:9"), null, () => 5000, deps);
  const told: string[] = [];
  connect(null, (error) => told.push(String(error?.message))).cancel();
  expect(told).toEqual(["given up"]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toHaveLength(1);
});

/** What a guarded lookup lets through. */
function guarded(lookup: LookupFunction, network: AppSettings["network"]): Promise<unknown[]> {
  const guard = guardLookup(lookup, compileEgress({ default: "any", allow: [], deny: [] }, network));
  return new Promise((resolve) => guard("app.test", { all: true }, (...answer) => resolve(answer)));
}

test("only the addresses that passed come out of a lookup", async () => {
  const found = resolver(["169.254.169.254", "8.8.8.8", "fe80::1", "2606:4700::1"]);
  const open = [
    { address: "8.8.8.8", family: 4 },
    { address: "2606:4700::1", family: 6 },
  ];
  expect(await guarded(found, "any")).toEqual([null, open, undefined]);
  expect(await guarded(found, "private")).toMatchObject([{ reason: "egress" }, []]);
});

test("a resolver that answers in another form gets nothing past the guard", async () => {
  const single: LookupFunction = (_name, _options, callback) => callback(null, "10.0.0.7", 4);
  expect(await guarded(single, "public")).toMatchObject([{ reason: "egress" }, []]);
  expect(await guarded(single, "private")).toEqual([null, "10.0.0.7", 4]);
  const unset: LookupFunction = (_name, _options, callback) => callback(undefined as never, "10.0.0.7", 4);
  expect(await guarded(unset, "public")).toMatchObject([{ reason: "egress" }, []]);
  expect(await guarded(resolver(["10.0.0.07"]), "any")).toMatchObject([{ code: "ERR_INVALID_IP_ADDRESS" }, []]);
  expect(await guarded(resolver({ code: "ENOTFOUND" }), "any")).toMatchObject([{ code: "ENOTFOUND" }, [], undefined]);
});
