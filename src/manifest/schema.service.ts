import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { parseIp } from "../core/address.ts";
import { parseRedisUrl } from "../core/redis.url.ts";
import { block, checkName, choice, duration, list, number, scalar, shown, size, text } from "./schema.parts.ts";
import * as value from "./schema.values.ts";

/** The keys that are about the whole process. */

export const listen = block(
  "Where we listen.",
  {},
  {
    proxy: value.address("For callers. Default 127.0.0.1:8080."),
    admin: value.address("For operators. Default 127.0.0.1:9090."),
    tls: block(
      "TLS on the proxy listener; re-read when the files change.",
      { cert: text("A file."), key: text("A file.") },
      {
        client_ca: text("A file: callers need a certificate of one of these."),
      },
    ),
  },
);

const count = (description: string, max: number) => number(description, 1, max);

export const limits = block(
  "Bounds on what callers and manifests may ask for.",
  {},
  {
    min_timeout: duration("Default 1s.", 1, 86_400_000),
    max_sync_timeout: duration("Default 30s.", 1, 86_400_000),
    max_async_timeout: duration("Default 15m.", 1, 86_400_000),
    body: size("No body_limit is larger. Default 1MiB.", 1, 2 ** 30),
    header_bytes: size("Default 16KiB.", 1024, 2 ** 20),
    headers: count("Default 100.", 2000),
    headers_timeout: duration("Default 10s.", 1, 86_400_000),
    request_timeout: duration("Default 60s.", 1, 86_400_000),
    connections: count("Default 10000.", 1_000_000),
    in_flight: count("Default 5000.", 1_000_000),
    buffered: size("All bodies held together. Default 256MiB.", 2 ** 16),
    drain: duration("How long requests in flight may take at shutdown. Default 25s.", 0, 86_400_000),
  },
);

export const spool = block(
  "The durable queue.",
  {},
  {
    driver: choice("Default sqlite.", ["sqlite", "redis"]),
    durability: choice("Of sqlite: normal drops the fsync. On redis its appendfsync decides. Default full.", [
      "full",
      "normal",
    ]),
    max_jobs: count("Waiting jobs. Default 1000000.", 1_000_000_000),
    max_bytes: size("The file; on redis bodies, heads and tries. Default 10GiB.", 2 ** 20),
    concurrency: count(
      "Deliveries at once. What takes an app longer than 1 s leaves its slot to other apps, as many again at most. Default 64.",
      10_000,
    ),
    per_app: count("Deliveries at once to one app. Default 16.", 10_000),
    retain_delivered: duration("Default 24h.", 0),
    retain_dead: duration("Default 30d."),
    batch: count("Default 256.", 10_000),
  },
);

export function wrongRedisUrl(url: string): string | null {
  if (parseRedisUrl(url) !== null) return null;
  if (url.includes("+sentinel:")) return "expected a URL such as redis+sentinel://10.0.0.1,10.0.0.2/mymaster";
  if (url.includes("+cluster:")) return "expected a URL such as redis+cluster://10.0.0.1,10.0.0.2";
  return "expected a URL such as redis://127.0.0.1:6379";
}

export const redis = block(
  "Shared state and spool of several replicas.",
  {},
  {
    url: text(
      "redis:// or, over TLS, rediss://; redis+sentinel://host,host/master; redis+cluster://host,host.",
      wrongRedisUrl,
    ),
    key_prefix: text("Default outrigger.", (v) =>
      /^[\w:.{}-]{1,64}$/.test(v) ? null : "expected up to 64 of A-Z a-z 0-9 _ : . { } -",
    ),
    shared: list(
      "What replicas agree on. Default all three.",
      choice("A state.", ["breaker", "failover", "idempotency"]),
      3,
      0,
    ),
  },
);

export const history = block(
  "What is kept of calls.",
  {},
  {
    retain: duration("How long. Minutes become hours after two days. Default 90d."),
    samples: choice("Which single calls are kept beside the counts. Default all.", ["all", "failures", "none"]),
    samples_rate: number("Single calls kept a second at most; counts are never thinned. Default 1000.", 0, 1_000_000),
    max_bytes: size("Of history.db: the oldest samples go first, then minutes, then hours. Default 5GiB.", 2 ** 20),
  },
);

const token = text("The token itself, at least 16 characters.", (v) =>
  v.length >= 16 && /^[\x21-\x7e]+$/.test(v) ? null : "expected at least 16 visible ASCII characters",
);

export const admin = block(
  "Who may use the admin listener.",
  {},
  {
    tokens: list(
      "Bearer tokens.",
      block(
        "One token.",
        {
          name: text("A name.", checkName),
          role: choice("viewer reads, operator does all.", ["viewer", "operator"]),
          token,
        },
        {},
      ),
      100,
      0,
    ),
    public_url: text("Where people find the dashboard: notifications link to it. Default: the listener's own.", (v) =>
      /^https?:\/\/[^/?#@\s]+[^?#\s]*$/.test(v) && URL.canParse(v)
        ? null
        : "expected a URL such as https://outrigger.example",
    ),
    allowed_hosts: list(
      "Host names beyond loopback and the listener's own.",
      text("A host.", (v) => (/^[A-Za-z0-9.-]+$/.test(v) ? null : `${shown(v)} is no host name (without port)`)),
      100,
      0,
    ),
  },
);

const range = scalar(
  { type: "string", description: "An address range such as 10.0.0.0/8, or one address." },
  (v, fail): string => {
    const [host = "", bits, ...rest] = typeof v === "string" ? v.split("/") : [];
    const most = host.includes("%") ? -1 : isIP(host) === 4 ? 32 : isIP(host) === 6 ? 128 : -1;
    const good = rest.length === 0 && (bits === undefined || /^(0|[1-9]\d{0,2})$/.test(bits));
    if (most === -1 || !good) return fail(`expected an address range such as 10.0.0.0/8, got ${shown(v)}`);
    if (bits === undefined) return `${host}/${most}`;
    if (Number(bits) > most) return fail(`${shown(v)}: an IPv${most === 32 ? 4 : 6} range has at most /${most}`);
    const net = rangeStart(host, Number(bits));
    // As likely a slip in the prefix as in the address: each would open or close something else than was meant.
    return net.same
      ? `${host}/${bits}`
      : fail(`${shown(v)} begins inside its range: write ${net.host}/${bits}, or ${host} for the one address`);
  },
);

/** The first address of a range, and whether the given one is that in another spelling. */
function rangeStart(host: string, bits: number): { readonly host: string; readonly same: boolean } {
  const address = parseIp(host);
  const bytes = address.toByteArray();
  const first = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i))) & 0xff);
  return { host: ipaddr.fromByteArray(first).toString(), same: first.every((byte, i) => byte === bytes[i]) };
}

export const egress = block(
  "Which addresses may be dialled.",
  {},
  {
    default: choice(
      "What network is where an app does not say, and for notify.channels. public where others choose the URLs: included files may then ask for no other network, no variables and no files. Default any.",
      ["any", "public"],
    ),
    allow: list("Ranges that are opened, whatever the network.", range, 1000, 0),
    deny: list("Ranges that are closed, whatever the network and allow.", range, 1000, 0),
  },
);
