/** How Redis is named in one line: a single server, the sentinels that know the master, or some nodes of a cluster. */
export interface RedisPlace {
  readonly kind: "single" | "sentinel" | "cluster";
  readonly tls: boolean;
  readonly user: string | null;
  readonly password: string | null;
  /** One for `single`; else any that answers tells of the others. */
  readonly nodes: readonly RedisNode[];
  /** What the sentinels call their master; null for the other kinds. */
  readonly master: string | null;
  /** Always 0 in a cluster, which has no other. */
  readonly db: number;
}

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

const FORM = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/\s]*)@)?([^/@\s?#]+)(?:\/([^?#\s]*))?$/;
const NODE = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/;
const PORTS = { single: 6379, sentinel: 26_379, cluster: 6379 } as const;

/**
 * Takes apart `redis://user:password@host:port/db`, `redis+sentinel://host,host/master/db` and
 * `redis+cluster://host,host`; with `rediss` in front, over TLS. Null where it is none of these.
 */
export function parseRedisUrl(text: string): RedisPlace | null {
  const [, secure, form, login = "", hosts = "", path = ""] = FORM.exec(text) ?? [];
  if (secure === undefined) return null;
  const kind = form === "sentinel" || form === "cluster" ? form : "single";
  const nodes = hosts.split(",").map((host) => nodeOf(host, PORTS[kind]));
  const known = nodes.filter((node) => node !== null);
  const [first = "", second = "", ...more] = path.split("/");
  const [master, dbText] = kind === "sentinel" ? [first, second] : [null, first];
  const db = dbText === "" ? 0 : /^\d{1,5}$/.test(dbText) ? Number(dbText) : null;
  const [user, password] = loginOf(login);
  if (known.length < nodes.length || (kind === "single" && nodes.length > 1)) return null;
  if (db === null || user === undefined || password === undefined || more.length > 0) return null;
  if (kind === "sentinel" ? master === "" : second !== "") return null;
  if (kind === "cluster" && db !== 0) return null;
  return { kind, tls: secure === "s", user, password, nodes: known, master, db };
}

function nodeOf(text: string, standard: number): RedisNode | null {
  const [, host, port] = NODE.exec(text) ?? [];
  if (host === undefined) return null;
  const number = port === undefined ? standard : Number(port);
  return number > 0 && number < 65_536 ? { host: host.replace(/^\[|\]$/g, ""), port: number } : null;
}

/** Both are undefined where an escape in them is none. */
function loginOf(text: string): [string | null, string | null] | [undefined, undefined] {
  const colon = text.indexOf(":");
  const [user, password] = colon === -1 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
  try {
    return [decodeURIComponent(user) || null, decodeURIComponent(password) || null];
  } catch {
    return [undefined, undefined];
  }
}

/** For people, without the login. */
export function placeText({ nodes, master }: RedisPlace): string {
  const hosts = nodes.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`).join(",");
  return master === null ? hosts : `${hosts}/${master}`;
}
