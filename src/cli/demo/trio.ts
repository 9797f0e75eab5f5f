import type { Hook } from "./caller.ts";
import type { GithubPayload } from "./github.ts";
import * as inbox from "./inbox.ts";
import * as quiz from "./quiz.ts";
import type { Told } from "./watch.ts";

/** Three sidecars that share a Redis: their one manifest, the calls made to them, and what each of them told. */

export const NAMES = ["one", "two", "three"] as const;
export type Name = (typeof NAMES)[number];

/** The breaker of `score` opens after so many failures, and for longer than the chapter takes. */
export const FAILURES = 3;
const ANSWER_MS = 5_000;
/** As long as GitHub waits. */
const GITHUB_MS = 10_000;

/** Ports of the toy apps and of Redis. */
export interface Ports {
  readonly redis: number;
  readonly inbox: number;
  readonly score: number;
  readonly primary: number;
  readonly backup: number;
}

export function manifest(ports: Ports): string {
  return `version: 1
listen:
  proxy: ${inbox.ANYWHERE.proxy}            # where the platform calls; 0 is any free port
  admin: ${inbox.ANYWHERE.admin}
data_dir: ./data                # of this sidecar alone

redis: { url: "redis://127.0.0.1:${ports.redis}" }   # breakers, failovers and idempotency: one for all
spool: { driver: redis }        # jobs, too

apps:
  inbox:
    owner: quiz-team@example.com
    url: http://127.0.0.1:${ports.inbox}
    webhooks:
      github:
        mode: async
        path: /webhooks/github
        timeout: ${GITHUB_MS}ms
        idempotency: { header: X-GitHub-Delivery }
  score:
    owner: quiz-team@example.com
    url: http://127.0.0.1:${ports.score}
    breaker: { failures: ${FAILURES}, recovery: 60s }
    webhooks:
      quiz_answer: { path: /webhooks/answer, timeout: ${ANSWER_MS}ms, retry: { attempts: 1 } }
  quiz:
    owner: quiz-team@example.com
    upstreams:
      - { name: primary, url: "http://127.0.0.1:${ports.primary}", priority: 0 }
      - { name: backup, url: "http://127.0.0.1:${ports.backup}", priority: 1 }
    webhooks:
      quiz_answer: { path: /webhooks/answer, timeout: ${ANSWER_MS}ms, retry: { repeat: always } }
`;
}

/** A payload of GitHub's, to be delivered later. */
export function github(payload: GithubPayload, secret: string, chance: Parameters<typeof quiz.github>[2]): Hook {
  return { ...quiz.github(payload, secret, chance), path: "/inbox/github", timeoutMs: GITHUB_MS };
}

/** An answer to a question of the quiz, for the app with a backup. */
export function answer(n: number): Hook {
  return { ...quiz.answer(n), timeoutMs: ANSWER_MS };
}

/** … and for the one without. */
export function score(n: number): Hook {
  return { ...answer(n), path: "/score/quiz_answer" };
}

/** The events that are followed. */
export const TOLD: readonly string[] = ["delivery.delivered", "breaker.opened", "breaker.closed", "failover"];

/** An event, who told it, and when it was heard (monotonic milliseconds). */
export interface Heard {
  readonly name: Name;
  readonly told: Told;
  readonly at: number;
}

/** Those of a type about an app, the first that each sidecar told, and of these the ones that decided it themselves. */
export function movesIn(heard: readonly Heard[], type: string, app: string, since: number): Moves {
  const first = NAMES.flatMap(
    (name) =>
      heard.find((one) => one.name === name && one.at >= since && one.told.type === type && one.told.app === app) ?? [],
  );
  const deciders = first.filter(({ told }) => told.peer !== true).map(({ name }) => name);
  const times = first.map(({ at }) => at);
  return { followed: first.length, deciders, spanMs: Math.max(0, ...times) - Math.min(...times, Infinity) };
}

export interface Moves {
  /** Sidecars that it holds for. */
  readonly followed: number;
  readonly deciders: readonly Name[];
  /** From the first that told it to the last. */
  readonly spanMs: number;
}

/** Ids of the jobs that one of them told of as delivered. */
export function deliveredIn(heard: readonly Heard[]): ReadonlySet<unknown> {
  return new Set(heard.filter(({ told }) => told.type === "delivery.delivered").map(({ told }) => told.id));
}
