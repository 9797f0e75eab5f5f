import { onTestFinished } from "vitest";
import type { OutriggerEvent } from "../../src/core/events.ts";
import { type Quiz, type QuizSidecar, startQuiz } from "./pair.ts";
import { startRedis, type TestRedis } from "./redis.ts";
import type { Toy } from "./toy.ts";

/** Two sidecars of one app that share what they can through a Redis of their own. */
export interface Replicas {
  readonly redis: TestRedis;
  readonly a: QuizSidecar;
  readonly b: QuizSidecar;
}

/** `given` is the manifest of both; `ofB` is laid over it for the second. */
export async function startReplicas(
  toys: readonly Pick<Toy, "name" | "url">[],
  given: Quiz = {},
  ofB: Quiz = {},
): Promise<Replicas> {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const start = async (quiz: Quiz): Promise<QuizSidecar> => {
    const sidecar = await startQuiz(toys, { ...quiz, more: { redis: { url: redis.url }, ...quiz.more } });
    await sidecar.app.ready;
    return sidecar;
  };
  return { redis, a: await start(given), b: await start({ ...given, ...ofB }) };
}

/** Did another replica do it? */
export const ofPeer = (event: OutriggerEvent): boolean => "peer" in event && event.peer === true;

/** What its scrape says of Redis: 1 while it answers and what the others do is known. */
export async function redisUp({ adminUrl }: QuizSidecar): Promise<number> {
  const body = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(/^outrigger_redis_up\{.*\} (\d)$/m.exec(body)?.[1]);
}
