import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";
import { mappedOf, parseIp } from "../../src/core/address.ts";
import { compileEgress } from "../../src/core/egress.ts";
import { parseUpstreamUrl } from "../../src/manifest/urls.ts";

type Network = "any" | "public" | "private";

const ruleOf = (network: Network, allow: string[] = [], deny: string[] = []) =>
  compileEgress({ default: "any", allow, deny }, network);

const opens = (network: Network, address: string, allow?: string[], deny?: string[]): boolean =>
  ruleOf(network, allow, deny).refusal(address) === null;

const NETWORKS: readonly Network[] = ["any", "public", "private"];
/** Which networks may dial it. */
const open = (address: string): Network[] => NETWORKS.filter((network) => opens(network, address));

test.each([
  [
    "of the open internet",
    ["8.8.8.8", "1.1.1.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1"],
    ["any", "public"],
  ],
  [
    "private",
    ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"],
    ["any", "private"],
  ],
  ["loopback", ["127.0.0.1", "127.255.255.254", "::1"], ["any", "private"]],
  ["link-local", ["169.254.0.1", "169.254.255.255", "fe80::1", "febf::1", "fe80::1%eth0", "fe80::1%eth0.100"], []],
  ["metadata of a cloud", ["169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16"], []],
  ["multicast", ["224.0.0.1", "239.255.255.255", "ff02::1"], []],
  ["broadcast", ["255.255.255.255"], []],
  ["unspecified", ["0.0.0.0", "0.1.2.3", "::", "::%1"], []],
  ["behind a carrier's NAT", ["100.64.0.1", "100.127.255.255"], ["any"]],
  ["for documentation", ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"], ["any"]],
  ["for benchmarks", ["198.18.0.1", "198.19.255.255", "2001:2::1"], ["any"]],
  ["reserved", ["192.0.0.1", "240.0.0.1", "192.88.99.1", "100::1", "4000::1", "5f00::1", "fec0::1"], ["any"]],
  ["IPv4 in IPv6, good inside", ["::ffff:8.8.8.8", "::ffff:808:808", "::8.8.8.8", "::ffff:0:8.8.8.8"], ["any"]],
  ["NAT64", ["64:ff9b::808:808", "64:ff9b:1::808:808", "64:ff9b:1:808:8:800::"], ["any"]],
  ["6to4 and Teredo", ["2002:808:808::1", "2001:0:808:808::f7f7:f7f7"], ["any"]],
  ["IPv4 in IPv6, private inside", ["::ffff:10.0.0.1", "::ffff:127.0.0.1"], ["any", "private"]],
  [
    "a way to what is closed to all",
    [
      "::ffff:169.254.169.254",
      "::169.254.169.254",
      "::ffff:0:169.254.169.254",
      "64:ff9b::169.254.169.254",
      "64:ff9b:1::169.254.169.254",
      "64:ff9b:1:a9fe:a9:fe00::",
      "2002:a9fe:a9fe::1",
      "2001:0:808:808::5601:5601",
      "2001:0:a9fe:a9fe::f7f7:f7f7",
      "::ffff:0.0.0.0",
      "::ffff:224.0.0.1",
    ],
    [],
  ],
  ["no address", ["", "app.test", "10.0.0", "0x7f.0.0.1", "010.0.0.1", "1.2.3.4.5", "::1::", "%eth0"], []],
])("an address %s is open to no other network than it should be", (_name, addresses, networks) => {
  for (const address of addresses) expect([address, open(address)]).toEqual([address, networks]);
});

test("an IPv6 address that is a mapped one is what the IPv4 address is, and never public", () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.boolean(), (inner, hex) => {
      const mapped = ipaddr.IPv4.parse(inner).toIPv4MappedAddress();
      const text = hex ? mapped.toString() : `::ffff:${inner}`;
      expect(opens("any", text)).toBe(opens("any", inner));
      expect(opens("private", text)).toBe(opens("private", inner));
      expect(opens("public", text)).toBe(false);
    }),
  );
});

test("what public or private opens, any opens, and never both", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
      const [any, pub, own] = NETWORKS.map((network) => opens(network, address));
      if (pub || own) expect(any).toBe(true);
      expect(pub && own).toBe(false);
    }),
  );
});

test("deny beats allow, and both beat the network", () => {
  const range = fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(128)).map(([address, bits]) => {
    const most = address.includes(":") ? 128 : 32;
    return { address, text: `${address}/${Math.min(bits, most)}` };
  });
  fc.assert(
    fc.property(range, fc.constantFrom(...NETWORKS), ({ address, text }, network) => {
      expect(opens(network, address, [], [text])).toBe(false);
      expect(opens(network, address, [text], [text])).toBe(false);
      // Of a mapped address it is the inner one that is opened: a wide range of IPv6 must not open all of IPv4.
      if (mappedOf(parseIp(address)) === null) expect(opens(network, address, [text])).toBe(true);
    }),
  );
});

test("a closed range of IPv4 can't be reached by way of IPv6, and an open one is open in one form only", () => {
  const ways = ["::ffff:10.1.2.3", "::10.1.2.3", "64:ff9b::10.1.2.3", "2002:a01:203::1", "2001:0:a01:203::1"];
  for (const way of ways) {
    expect([way, opens("any", way)]).toEqual([way, true]);
    expect([way, opens("any", way, [], ["10.0.0.0/8"])]).toEqual([way, false]);
    expect([way, opens("public", way, ["10.0.0.0/8"])]).toEqual([way, way.startsWith("::ffff:")]);
  }
  expect(opens("any", "::ffff:10.1.2.3", [], ["::/0"])).toBe(false);
  expect(opens("any", "10.1.2.3", [], ["::ffff:10.1.0.0/112"])).toBe(false);
  expect(opens("any", "::ffff:169.254.169.254", ["::/0"])).toBe(false);
});

test("however a URL spells an IPv4 address, it is the address", () => {
  const octet = (n: number, base: number): string =>
    base === 8 ? `0${n.toString(8)}` : base === 16 ? `0x${n.toString(16)}` : `${n}`;
  const spelled = fc
    .tuple(fc.ipV4(), fc.constantFrom(8, 10, 16), fc.constantFrom(1, 2, 3, 4), fc.boolean(), fc.boolean())
    .map(([address, base, parts, dot, wide]) => {
      const bytes = address.split(".").map(Number);
      const last = bytes.slice(parts - 1).reduce((sum, byte) => sum * 256 + byte, 0);
      const plain = [...bytes.slice(0, parts - 1), last].map((n) => octet(n, base)).join(".");
      // The digits of full width are digits to a URL, too.
      const text = wide ? plain.replace(/\d/g, (d) => String.fromCodePoint(0xff10 + Number(d))) : plain;
      return { address, text: dot ? `${text}.` : text };
    });
  fc.assert(
    fc.property(spelled, ({ address, text }) => {
      const parsed = parseUpstreamUrl(`http://${text}:8080/`);
      expect("wrong" in parsed ? parsed.wrong : parsed.hostname).toBe(address);
    }),
  );
});

test.each(["http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::ffff:127.0.0.1]x/", "http://256.1.1.1/"])(
  "%s is no URL of an upstream",
  (url) => {
    expect(parseUpstreamUrl(url)).toHaveProperty("wrong");
  },
);

test("a refusal names the address, whose it is, and the line that opens it", () => {
  const say = (network: Network, address: string, name?: string) => ruleOf(network).refusal(address, name);
  expect(say("public", "10.0.0.7", "quiz.internal")).toBe(
    "10.0.0.7 (of quiz.internal) is a private address: add 10.0.0.0/8 to egress.allow, or network: private to the app",
  );
  expect(say("private", "8.8.8.8", "quiz.internal")).toBe(
    "8.8.8.8 (of quiz.internal) is a public address: add 8.8.8.8/32 to egress.allow, or network: any to the app",
  );
  expect(say("any", "fe80::1%eth0")).toBe("fe80::1 is a link-local address: add fe80::1/128 to egress.allow");
  expect(say("public", "::ffff:10.0.0.7")).toBe(
    "::ffff:10.0.0.7 leads to 10.0.0.7, a private address: add 10.0.0.0/8 to egress.allow, or network: private to the app",
  );
  expect(say("public", "::ffff:8.8.8.8")).toBe(
    "::ffff:8.8.8.8 is an IPv4 address inside an IPv6 one: add 8.8.8.8/32 to egress.allow",
  );
  expect(ruleOf("any", [], ["10.0.0.0/8"]).refusal("10.0.0.7", "a.test")).toBe(
    "10.0.0.7 (of a.test) is in 10.0.0.0/8, which egress.deny closes",
  );
});

test("the line that a refusal names opens the address it refused", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.constantFrom(...NETWORKS), (address, network) => {
      const why = ruleOf(network).refusal(address);
      const [, range] = /: add (\S+) to egress\.allow/.exec(why ?? "") ?? [];
      expect(range === undefined).toBe(why === null);
      if (range !== undefined) expect(opens(network, address, [range])).toBe(true);
    }),
  );
});

test("where others choose the URLs, nobody is told to choose a network", () => {
  const egress = { default: "public", allow: [], deny: [] } as const;
  const told = "10.0.0.7 is a private address: add 10.0.0.0/8 to egress.allow";
  expect(compileEgress(egress, "public").refusal("10.0.0.7")).toBe(told);
  expect(compileEgress(egress, null).refusal("10.0.0.7")).toBe(told);
  expect(compileEgress({ ...egress, default: "any" }, null).refusal("10.0.0.7")).toBe(null);
});

test("rules that say the same have one key, and others have others", () => {
  const keys = [ruleOf("any"), ruleOf("public"), ruleOf("any", ["::1/128"]), ruleOf("any", [], ["::1/128"])];
  expect(new Set(keys.map(({ key }) => key)).size).toBe(4);
  expect(ruleOf("any").key).toBe(ruleOf("any").key);
});
