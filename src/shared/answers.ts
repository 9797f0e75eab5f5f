import type { Cluster, Redis } from "ioredis";
import type { RouteName } from "../core/job.ts";
import type { AnswerStore, IdempotencyKey, KeyClaim, KeyClaims, StoredAnswer } from "../spool/port.ts";
import { scriptRunner } from "./run.ts";
import { CLAIM, FREE, KEEP } from "./scripts.ts";

export interface RedisAnswersDeps {
  readonly client: Redis | Cluster;
  /** Of every key. */
  readonly prefix: string;
  /** Names this process among all. Holds no space. */
  readonly replica: string;
  /** Headers as they are kept, where secrets may have to be sealed … */
  readonly pack: (headers: readonly string[]) => string;
  /** … and back; null for what nobody here can read. */
  readonly unpack: (text: string) => readonly string[] | null;
}

export type RedisAnswers = AnswerStore & KeyClaims;

const NEWLINE = 0x0a;

/** Answers of synchronous routes in Redis, each under a key of its own that lapses by itself. */
export function redisAnswers({ client, prefix, replica, pack, unpack }: RedisAnswersDeps): RedisAnswers {
  const run = scriptRunner(client, true);
  const keyOf = (route: RouteName, hash: string): string => `${prefix}answer:${route.app}/${route.capability}:${hash}`;

  /** A line of JSON, then the body as it was. */
  const bytesOf = (bodyHash: string, answer: Omit<StoredAnswer, "bodyHash">): Buffer => {
    const { status, headers, outcome, body } = answer;
    const head = JSON.stringify([bodyHash, status, outcome, pack(headers)]);
    return Buffer.concat([Buffer.from(`${head}\n`), body]);
  };
  const answerOf = (bytes: Buffer): StoredAnswer | null => {
    const end = bytes.indexOf(NEWLINE);
    const [bodyHash, status, outcome, packed] = JSON.parse(bytes.subarray(0, end).toString()) as [
      string,
      number,
      string,
      string,
    ];
    const headers = unpack(packed);
    // As if it had lapsed: a caller must not get half an answer.
    return headers && { bodyHash, status, outcome, headers, body: new Uint8Array(bytes.subarray(end + 1)) };
  };
  const KEPT = "a ".length;
  let requests = 0;

  return {
    owner: () => `${replica}-${++requests}`,
    async recall(route, hash) {
      const found = await client.getBuffer(keyOf(route, hash));
      return found?.[0] === "a".charCodeAt(0) ? answerOf(found.subarray(KEPT)) : null;
    },
    async remember(route, key, answer) {
      await run(KEEP, [keyOf(route, key.hash)], [bytesOf(key.bodyHash, answer), Math.max(Math.ceil(key.ttlMs), 1)]);
    },
    async claim(route, key, owner, ms): Promise<KeyClaim> {
      const args = [owner, key.bodyHash, Math.max(Math.ceil(ms), 1)];
      const [kind, found] = (await run(CLAIM, [keyOf(route, key.hash)], args)) as [Buffer, Buffer];
      switch (kind.toString()) {
        case "running":
          return { kind: "running", bodyHash: found.toString() };
        case "kept": {
          const answer = answerOf(found);
          return answer === null ? { kind: "mine" } : { kind: "kept", answer };
        }
        default:
          return { kind: "mine" };
      }
    },
    async free(route, key: IdempotencyKey, owner) {
      await run(FREE, [keyOf(route, key.hash)], [owner, key.bodyHash]);
    },
  };
}
