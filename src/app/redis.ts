import type { Clock, Timer } from "../core/clock.ts";
import type { EventBus, RedisMoved } from "../core/events.ts";
import { randomHex } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import type { RedisStatus } from "../core/redis.status.ts";
import { parseRedisUrl, placeText } from "../core/redis.url.ts";
import { createSeal } from "../core/seal.ts";
import type { Manifest } from "../core/settings.ts";
import type { Log } from "../observe/log.ts";
import { checkRedis } from "../redis/check.ts";
import { openRedis, type RedisLink } from "../redis/connection.ts";
import { type RedisAnswers, redisAnswers } from "../shared/answers.ts";
import { answerHead, readAnswerHead } from "../storage/spool/answer.head.ts";
import { openSharing, type Sharing } from "./sharing.ts";

/** Redis, and what of this process is in it. */
export interface RedisService extends AsyncDisposable {
  readonly link: RedisLink;
  /** null where neither breakers nor failovers are shared. */
  readonly sharing: Sharing | null;
  /** null where answers are each replica's own. */
  readonly answers: RedisAnswers | null;
  status(): RedisStatus;
  /** Why the process may not have requests yet; empty from the first time on that all is well, whatever comes after. */
  reasons(): readonly string[];
  /** Resolves at that first time. */
  readonly ready: Promise<void>;
}

export interface RedisServiceDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly bus: EventBus;
  readonly log: Log;
  /** OUTRIGGER_SPOOL_KEY. */
  readonly key: string | undefined;
}

/** A start takes this long for Redis before it goes on, not ready: to say so, the listeners must be open. */
const PATIENCE_MS = 2_000;
/** A Redis that may not be used is looked at again after this long: somebody may be mending it. */
const LOOK_AGAIN_MS = 5_000;

/** Connects where the manifest asks for it; null where it does not. Resolves when it is ready, or after a while. */
export async function openRedisService(
  { redis: settings, spool }: Pick<Manifest, "redis" | "spool">,
  deps: RedisServiceDeps,
): Promise<RedisService | null> {
  const spools = spool.driver === "redis";
  if (settings === null || (settings.shared.length === 0 && !spools)) return null;
  const { clock, random, bus, log } = deps;
  const place = parseRedisUrl(settings.url);
  const server = place === null ? "" : placeText(place);
  // The start waits no longer where it is known why not.
  const { promise: stuck, resolve: isStuck } = Promise.withResolvers<void>();
  let since = clock.wall();
  let why: readonly string[] = [`Redis at ${server} has not answered yet`];
  const link = openRedis(settings, {
    clock,
    random,
    emit(event: RedisMoved) {
      since = event.at;
      isStuck();
      if (event.type === "redis.lost")
        why = [`Redis is away (${event.detail}): start it, or take redis out of the manifest`];
      bus.emit(event);
    },
  });
  const some = settings.shared.some((one) => one !== "idempotency");
  const sharing = some ? openSharing(link, settings, deps) : null;
  const seal = createSeal(deps.key, random);
  const answers = settings.shared.includes("idempotency")
    ? redisAnswers({
        ...link,
        replica: randomHex(random, 8),
        pack: (headers) => answerHead(headers, seal),
        unpack: (text) => readAnswerHead(text, seal),
      })
    : null;
  let isReady = false;
  let closed = false;
  const timers = new Set<Timer>();
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = clock.after(
        ms,
        () => {
          timers.delete(timer);
          resolve();
        },
        undefined,
      );
      timers.add(timer);
    });

  /** Resolves when it may be used. */
  const usable = async (): Promise<void> => {
    while (!closed) {
      await link.whenUp();
      try {
        const { refusals, warnings } = await checkRedis(link.client, spools);
        for (const warning of warnings) log.warn({ server }, `Redis: ${warning}`);
        if (refusals.length === 0) return;
        why = refusals.map((refusal) => `Redis at ${server} can't be used: ${refusal}`);
        isStuck();
        for (const reason of why) log.error({ server }, reason);
      } catch {
        // It went away while it was asked: the link has said so.
      }
      await wait(LOOK_AGAIN_MS);
    }
  };
  const start = async (): Promise<void> => {
    await usable();
    why = ["what other replicas do is not known yet"];
    await sharing?.first;
    isReady = true;
  };
  const ready = start();
  await Promise.race([ready, stuck, wait(PATIENCE_MS)]);
  return {
    link,
    sharing,
    answers,
    status: () => ({
      server,
      up: link.up() && (sharing?.agreed ?? true),
      since,
      shared: settings.shared,
      spool: spools,
    }),
    reasons: () => (isReady ? [] : why),
    ready,
    async [Symbol.asyncDispose]() {
      closed = true;
      for (const timer of timers) clock.cancel(timer);
      await sharing?.[Symbol.asyncDispose]();
      await link.close();
    },
  };
}
