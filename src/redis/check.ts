import type { Cluster, Redis } from "ioredis";

/** Whether a Redis can keep what is promised: asked at each start, and shown to whoever runs it. */
export interface RedisReport {
  readonly version: string;
  /** Nothing may be entrusted to it: sentences for people. */
  readonly refusals: readonly string[];
  /** It may, but less is promised. */
  readonly warnings: readonly string[];
}

/** What is read from it. Null: it would not say, as a hosted Redis does that forbids CONFIG. */
interface RedisFacts {
  /** Redis or Valkey; Valkey says here what Redis it is compatible with. */
  readonly version: string;
  readonly role: string;
  readonly aof: boolean;
  readonly appendfsync: string | null;
  readonly maxmemoryPolicy: string | null;
  /** Bytes; 0 is without bound. */
  readonly maxmemory: number | null;
}

const OLDEST = [6, 2] as const;

/** `spool`: jobs are kept in it, so that what it forgets is lost; else only state that may be local. */
export async function checkRedis(client: Redis | Cluster, spool: boolean): Promise<RedisReport> {
  return judgeRedis(await readFacts(client), spool);
}

async function readFacts(client: Redis | Cluster): Promise<RedisFacts> {
  const info = await client.info();
  const field = (name: string): string | null => new RegExp(`^${name}:(.*?)\r?$`, "m").exec(info)?.[1] ?? null;
  const maxmemory = field("maxmemory");
  return {
    version: field("redis_version") ?? "0.0.0",
    role: field("role") ?? "master",
    aof: field("aof_enabled") === "1",
    appendfsync: await config(client, "appendfsync"),
    maxmemoryPolicy: field("maxmemory_policy") ?? (await config(client, "maxmemory-policy")),
    maxmemory: maxmemory === null ? null : Number(maxmemory),
  };
}

async function config(client: Redis | Cluster, name: string): Promise<string | null> {
  try {
    const reply = (await client.call("CONFIG", "GET", name)) as readonly string[];
    return reply[1] ?? null;
  } catch {
    return null;
  }
}

/** What follows from the facts. */
function judgeRedis(facts: RedisFacts, spool: boolean): RedisReport {
  const refusals: string[] = [];
  const warnings: string[] = [];
  const { version, role, aof, appendfsync, maxmemoryPolicy } = facts;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    refusals.push(`Redis ${version} is too old: expected ${OLDEST.join(".")} or newer`);
  if (role !== "master") refusals.push("this Redis is a replica, which takes no writes: name its master");
  if (!spool) return { version, refusals, warnings };
  if (maxmemoryPolicy !== null && maxmemoryPolicy !== "noeviction")
    refusals.push(
      `maxmemory-policy is ${maxmemoryPolicy}: Redis would drop jobs when its memory is full; set it to noeviction`,
    );
  if (!aof)
    warnings.push(
      "appendonly is no: a crash of Redis loses every job since its last snapshot, acknowledged or not; set appendonly yes",
    );
  else if (appendfsync === "everysec")
    warnings.push(
      "appendfsync is everysec: a crash of the machine of Redis may lose the jobs acknowledged in the last second, up to two while its disk is slow, and deliver others again; set it to always to lose none",
    );
  else if (appendfsync === "no")
    warnings.push(
      "appendfsync is no: a crash of the machine of Redis may lose the jobs of half a minute; set it to always to lose none",
    );
  else if (appendfsync === null)
    warnings.push(
      "this Redis does not tell its appendfsync: unless it is always, its crash may lose acknowledged jobs",
    );
  if (maxmemoryPolicy === null)
    warnings.push("this Redis does not tell its maxmemory-policy: unless it is noeviction, it may drop jobs");
  return { version, refusals, warnings };
}
