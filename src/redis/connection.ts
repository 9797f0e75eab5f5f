import { Cluster, Redis } from "ioredis";
import type { Clock, Timer } from "../core/clock.ts";
import type { RedisMoved } from "../core/events.ts";
import type { Random } from "../core/random.ts";
import { parseRedisUrl, placeText, type RedisPlace } from "../core/redis.url.ts";
import type { RedisSettings } from "../core/settings.service.ts";

/** One connection to Redis for everything: it is kept up, and says when it is lost and when it is back. */
export interface RedisLink extends AsyncDisposable {
  readonly client: Redis | Cluster;
  /** Every key begins with it. Its hash tag keeps all of them in one slot of a cluster, so that one script may touch any. */
  readonly prefix: string;
  /** Would a command be sent now? While it is not, commands are refused at once and nothing waits for them. */
  readonly up: () => boolean;
  /** Resolves at the next `redis.back`, or at once while it is up. */
  whenUp(): Promise<void>;
  /** Is it up now, or within so long? */
  upWithin(ms: number): Promise<boolean>;
  /** Called each time it is there again after it was lost. */
  onBack(listener: () => void): void;
  close(): Promise<void>;
}

export interface RedisLinkDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: (event: RedisMoved) => void;
}

const CONNECT_TIMEOUT_MS = 3000;
/** A command without an answer for so long is given up, and so is its connection: it may have been done. */
const SILENT_MS = 3000;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 1000;

/**
 * Connects in the background and resolves at once: `whenUp` tells of the first time. A command is sent once or not at
 * all. Where its answer was lost, its promise rejects and the caller decides; ioredis would send it again unasked.
 */
export function openRedis(settings: RedisSettings, deps: RedisLinkDeps): RedisLink {
  const place = parseRedisUrl(settings.url);
  if (place === null) throw new Error("redis.url was not checked");
  const { clock, emit } = deps;
  const client = connect(place, deps.random);
  const waiting = new Set<() => void>();
  const listeners: (() => void)[] = [];
  let reason = "it could not be reached";
  let lostAt: number | null = null;
  let ever = false;
  let closed = false;

  client.on("error", (error: Error) => {
    reason = error.message;
    lost();
  });
  client.on("close", () => lost());
  client.on("end", () => lost());
  client.on("ready", () => {
    const awayMs = lostAt === null ? 0 : clock.now() - lostAt;
    const returned = lostAt !== null;
    lostAt = null;
    reason = "its connection was closed";
    for (const go of waiting) go();
    waiting.clear();
    if (returned) emit({ type: "redis.back", at: clock.wall(), detail: placeText(place), durationMs: awayMs });
    if (returned && ever) for (const listener of listeners) listener();
    ever = true;
  });
  const lost = (): void => {
    // One loss, however many attempts to connect fail after it. An error on a connection that stays is none.
    if (lostAt !== null || closed || client.status === "ready") return;
    lostAt = clock.now();
    emit({ type: "redis.lost", at: clock.wall(), detail: `${placeText(place)}: ${reason}`, durationMs: 0 });
  };
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    client.disconnect();
  };
  const whenUp = (): Promise<void> =>
    client.status === "ready" ? Promise.resolve() : new Promise((resolve) => void waiting.add(() => resolve()));
  client.connect().catch(() => undefined);
  return {
    client,
    prefix: keyPrefix(settings.keyPrefix),
    up: () => client.status === "ready",
    whenUp,
    async upWithin(ms) {
      let timer: Timer | null = null;
      const late = new Promise<void>((resolve) => {
        timer = clock.after(ms, resolve, undefined);
      });
      await Promise.race([whenUp(), late]);
      // Else it would keep a command from ending.
      if (timer !== null) clock.cancel(timer);
      return client.status === "ready";
    },
    onBack: (listener) => void listeners.push(listener),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A prefix with braces of its own is an operator's choice of slot. */
export function keyPrefix(text: string): string {
  return /\{[^{}]+\}/.test(text) ? `${text}:` : `{${text}}:`;
}

function connect(place: RedisPlace, random: Random): Redis | Cluster {
  // Bounded, and spread: replicas that lost it together must not come back in one moment.
  const wait = (times: number): number =>
    Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(times, 10)) * (0.5 + random.float() / 2);
  const common = {
    ...(place.user !== null && { username: place.user }),
    ...(place.password !== null && { password: place.password }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: SILENT_MS,
    socketTimeout: SILENT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // 1 or more would send a command anew on the next connection; null would let it wait for ever.
    maxRetriesPerRequest: 0,
    retryStrategy: wait,
    // After a failover the old master may answer for a while, as a replica.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    enableAutoPipelining: true,
    lazyConnect: true,
    connectionName: "outrigger",
  };
  const tls = place.tls ? { tls: {} } : {};
  const [first] = place.nodes;
  if (place.kind === "cluster") {
    return new Cluster([...place.nodes], {
      clusterRetryStrategy: wait,
      enableOfflineQueue: false,
      enableAutoPipelining: true,
      lazyConnect: true,
      redisOptions: { ...common, ...tls },
      // A certificate is for a name, so the name has to stay.
      ...(place.tls && { dnsLookup: (name, done) => done(null, name) }),
    });
  }
  if (place.kind === "sentinel") {
    return new Redis({
      ...common,
      ...tls,
      sentinels: [...place.nodes],
      name: place.master ?? "",
      db: place.db,
      enableTLSForSentinelMode: place.tls,
      ...(place.password !== null && { sentinelPassword: place.password }),
      sentinelRetryStrategy: wait,
    });
  }
  return new Redis({ ...common, ...tls, host: first?.host ?? "", port: first?.port ?? 0, db: place.db });
}
