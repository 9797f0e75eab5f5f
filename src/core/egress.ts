import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { type AddressKind, type Ip, kindOf, leadsTo, mappedOf, parseIp } from "./address.ts";
import type { EgressSettings } from "./settings.service.ts";
import type { AppSettings } from "./settings.ts";

/** Who may be dialled: the rule of an app, or of a channel, compiled from the manifest. */
export interface EgressRule {
  /** The same text for rules that say the same of every address. */
  readonly key: string;
  /** One refused address among those of a name refuses the name; else the others are dialled. */
  readonly strict: boolean;
  /**
   * Why an address may not be dialled and which line of the manifest would open it, or null where it may be. `name` is
   * whose address it is, if not its own. What is no address is refused.
   */
  refusal(address: string, name?: string): string | null;
}

type Range = readonly [net: Ip, bits: number];

/** Where no app is: closed to every network. */
const ALWAYS_CLOSED: ReadonlySet<AddressKind> = new Set([
  "link-local",
  "metadata",
  "multicast",
  "broadcast",
  "unspecified",
]);

/** The rules of a manifest by network, each compiled when it is first asked for: there may be many apps and ranges. */
export function egressRules(egress: EgressSettings): (network: AppSettings["network"] | null) => EgressRule {
  const known = new Map<AppSettings["network"] | null, EgressRule>();
  return (network) => {
    let rule = known.get(network);
    if (rule === undefined) {
      rule = compileEgress(egress, network);
      known.set(network, rule);
    }
    return rule;
  };
}

/**
 * Compiles the rule for one `network`; null is for what belongs to no app, which has `egress.default`. `deny` beats
 * `allow`, and both beat the network: `any` is all but what is dialled by mischief or a slip only, `public` the open
 * internet and nothing that could lead elsewhere, `private` our own machine and networks.
 */
export function compileEgress(egress: EgressSettings, network: AppSettings["network"] | null): EgressRule {
  const kept = network ?? egress.default;
  const allow = egress.allow.map(rangeOf);
  const deny = egress.deny.map(rangeOf);
  // Where others choose the URLs they must not be told to choose their own network, too.
  const mayChoose = network !== null && egress.default === "any";
  return {
    key: createHash("sha256")
      .update(JSON.stringify([kept, mayChoose, egress.allow, egress.deny]))
      .digest("base64url"),
    strict: kept === "public",
    refusal(address, name) {
      const literal = address.replace(/%.*$/, "");
      const whose = name === undefined || name === address ? "" : ` (of ${name})`;
      if (isIP(literal) === 0) return `${address}${whose} is no address`;
      const asked = parseIp(literal);
      // The kernel dials the inner one over IPv4.
      const ip = mappedOf(asked) ?? asked;
      const ways = [asked, ip, ...leadsTo(ip)];
      const closed = deny.findIndex((range) => ways.some((way) => isWithin(way, range)));
      if (closed >= 0) return `${literal}${whose} is in ${egress.deny[closed]}, which egress.deny closes`;
      if (allow.some((range) => isWithin(ip, range))) return null;
      const wrong = whatIsWrong(kept, asked, ip);
      if (wrong === null) return null;
      const inner = wrong.ip === asked ? "" : `leads to ${wrong.ip.toString()}, `;
      const hint = hintOf(ip, wrong.kind, kept, mayChoose);
      return `${literal}${whose} ${inner === "" ? "is " : inner}${AS_SAID[wrong.kind]}: add ${hint}`;
    },
  };
}

/** The address that is of the wrong kind: the one to dial, or the one to which that leads. */
function whatIsWrong(
  network: AppSettings["network"],
  asked: Ip,
  ip: Ip,
): { readonly ip: Ip; readonly kind: AddressKind } | null {
  const kind = kindOf(ip);
  switch (network) {
    case "public":
      if (kind !== "public") return { ip, kind };
      return ip === asked ? null : { ip: asked, kind: kindOf(asked) };
    case "private":
      return kind === "private" || kind === "loopback" ? null : { ip, kind };
    case "any":
      for (const way of [ip, ...leadsTo(ip)]) {
        const found = kindOf(way);
        if (ALWAYS_CLOSED.has(found)) return { ip: way, kind: found };
      }
      return null;
  }
}

/** Ranges that are somebody's whole network are opened as a whole: their addresses change. */
const WHOLE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7"].map(
  (text) => [text, rangeOf(text)] as const,
);

function hintOf(ip: Ip, kind: AddressKind, network: AppSettings["network"], mayChoose: boolean): string {
  const near = kind === "private" || kind === "loopback";
  const whole = near ? WHOLE.find(([, range]) => isWithin(ip, range))?.[0] : undefined;
  const line = `${whole ?? `${ip.toString()}/${ip.kind() === "ipv4" ? 32 : 128}`} to egress.allow`;
  const wider = mayChoose ? widerOf(network, near, kind) : null;
  return wider === null ? line : `${line}, or network: ${wider} to the app`;
}

/** The next wider network in which such an address is open; null where there is none. */
function widerOf(network: AppSettings["network"], near: boolean, kind: AddressKind): AppSettings["network"] | null {
  if (network === "public" && near) return "private";
  return network === "private" && !ALWAYS_CLOSED.has(kind) ? "any" : null;
}

const AS_SAID: Readonly<Record<AddressKind, string>> = {
  public: "a public address",
  private: "a private address",
  loopback: "a loopback address",
  "link-local": "a link-local address",
  metadata: "the metadata address of a cloud",
  multicast: "a multicast address",
  broadcast: "the broadcast address",
  unspecified: "an unspecified address",
  shared: "an address behind a carrier's NAT",
  embedded: "an IPv4 address inside an IPv6 one",
  nat64: "a NAT64 address",
  "6to4": "a 6to4 address",
  teredo: "a Teredo address",
  reserved: "a reserved address",
};

function isWithin(ip: Ip, [net, bits]: Range): boolean {
  return ip.kind() === net.kind() && ip.match(net, bits);
}

/** The schema has seen to it that it is one. */
function rangeOf(text: string): Range {
  const [host = "", prefix] = text.split("/");
  const net = parseIp(host);
  const bits = Number(prefix);
  const inner = bits >= 96 ? mappedOf(net) : null;
  return inner === null ? [net, bits] : [inner, bits - 96];
}
