import ipaddr from "ipaddr.js";

/** What an address is by the registries of IANA, and where it leads. Pure. */

export type AddressKind =
  /** Global unicast, of the open internet. */
  | "public"
  /** RFC 1918, RFC 4193. */
  | "private"
  | "loopback"
  | "link-local"
  /** Where a cloud tells a machine who it is, keys included. */
  | "metadata"
  | "multicast"
  | "broadcast"
  | "unspecified"
  /** RFC 6598: behind the NAT of a carrier, or in overlays. */
  | "shared"
  /** An IPv4 address in the form of an IPv6 one: mapped, compatible (both RFC 4291), or translated (RFC 2765). */
  | "embedded"
  /** RFC 6052, RFC 8215. */
  | "nat64"
  | "6to4"
  | "teredo"
  /** For documentation, benchmarks, protocols, or of no use yet. */
  | "reserved";

export type Ip = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * Parses what `node:net` calls an address, without its zone. The library would take the deprecated `::10.0.0.7` for
 * `::ffff:10.0.0.7`, which is another: so it never sees a dotted end.
 */
export function parseIp(text: string): Ip {
  const [, head, ...bytes] = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text) ?? [];
  if (head === undefined) return ipaddr.parse(text);
  const [a = 0, b = 0, c = 0, d = 0] = bytes.map(Number);
  return ipaddr.parse(`${head}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
}

/** In the spelling of RFC 5952. Most are link-local; the others look like anybody's. */
const METADATA: ReadonlySet<string> = new Set([
  // AWS, Azure, Google, DigitalOcean, OpenStack and most others; then AWS for containers.
  "169.254.169.254",
  "169.254.170.2",
  "169.254.170.23",
  "fd00:ec2::254",
  "fd00:ec2::23",
  // Google, Alibaba, Oracle, Azure's host, Scaleway.
  "fd20:ce::254",
  "100.100.100.200",
  "192.0.0.192",
  "168.63.129.16",
  "169.254.42.42",
  "fd00:42::42",
]);

const KINDS: Readonly<Record<string, AddressKind>> = {
  unicast: "public",
  private: "private",
  uniqueLocal: "private",
  loopback: "loopback",
  linkLocal: "link-local",
  multicast: "multicast",
  broadcast: "broadcast",
  unspecified: "unspecified",
  carrierGradeNat: "shared",
  ipv4Mapped: "embedded",
  rfc6145: "embedded",
  rfc6052: "nat64",
  "6to4": "6to4",
  teredo: "teredo",
};

const GLOBAL_UNICAST = ipaddr.IPv6.parse("2000::");
const COMPATIBLE = ipaddr.IPv6.parse("::");

export function kindOf(ip: Ip): AddressKind {
  if (METADATA.has(ip.toString())) return "metadata";
  const kind = KINDS[ip.range()] ?? "reserved";
  if (kind !== "public" || ip.kind() === "ipv4") return kind;
  // The library calls everything unicast that it has no other word for; IANA has given out an eighth.
  if (ip.match(GLOBAL_UNICAST, 3)) return "public";
  return ip.match(COMPATIBLE, 96) ? "embedded" : "reserved";
}

/** The IPv4 address that the kernel dials for a mapped one; null for any other. */
export function mappedOf(ip: Ip): ipaddr.IPv4 | null {
  return ip instanceof ipaddr.IPv6 && ip.isIPv4MappedAddress() ? ip.toIPv4Address() : null;
}

/** The IPv4 addresses to which gateways on the way may take what is sent to an IPv6 one. */
export function leadsTo(ip: Ip): readonly ipaddr.IPv4[] {
  if (!(ip instanceof ipaddr.IPv6)) return [];
  const [, b = 0, c = 0, d = 0, e = 0, , g = 0, h = 0] = ip.parts;
  switch (kindOf(ip)) {
    case "embedded":
      return [v4(g, h)];
    case "nat64":
      // RFC 6052 section 2.2 for prefixes of 96 and of 48 bits; where there is none, zeroes stand.
      return [v4(g, h), v4(d, ((e & 0xff) << 8) | ((ip.parts[5] ?? 0) >> 8))].filter(
        (inner) => inner.range() !== "unspecified",
      );
    case "6to4":
      return [v4(b, c)];
    case "teredo":
      // RFC 4380 section 4: the server, and the client with its bits turned.
      return [v4(c, d), v4(~g & 0xffff, ~h & 0xffff)];
    default:
      return [];
  }
}

function v4(high: number, low: number): ipaddr.IPv4 {
  return new ipaddr.IPv4([high >> 8, high & 0xff, low >> 8, low & 0xff]);
}
