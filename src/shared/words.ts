import { z } from "zod";
import { MOVE_REASONS } from "../core/health.ts";
import type { PeerWord } from "../core/peer.ts";
import { type BreakerId, breakerKey, type UpstreamId, upstreamKey } from "../core/stored.ts";

/** Words of replicas as registers hold them: names, and JSON. Another version's that says something else is no word. */

export const breakerName = (id: BreakerId): string => `breaker ${breakerKey(id)}`;
export const upstreamName = (id: UpstreamId): string => `upstream ${upstreamKey(id)}`;
export const pinName = (app: string): string => `pin ${app}`;

export function nameOf(word: PeerWord): string {
  switch (word.about) {
    case "breaker":
      return breakerName(word.id);
    case "upstream":
      return upstreamName(word.id);
    case "pin":
      return pinName(word.app);
  }
}

const ms = z.number().nonnegative();
const upstream = { app: z.string(), upstream: z.string(), url: z.string() };

const wordSchema = z.discriminatedUnion("about", [
  z.object({
    about: z.literal("breaker"),
    id: z.object({ ...upstream, capability: z.string() }),
    state: z.object({
      kind: z.enum(["closed", "open", "half_open"]),
      cause: z.string(),
      ageMs: ms,
      leftMs: ms,
      reopenings: z.int().nonnegative(),
    }),
  }),
  z.object({
    about: z.literal("upstream"),
    id: z.object(upstream),
    state: z.object({
      kind: z.enum(["serving", "away"]),
      cause: z.enum(MOVE_REASONS).nullable(),
      ageMs: ms,
      holdMs: ms,
      returnedMs: ms.nullable(),
    }),
  }),
  z.object({
    about: z.literal("pin"),
    app: z.string(),
    pin: z.object({ app: z.string(), upstream: z.string(), by: z.string(), at: z.number() }).nullable(),
  }),
]);

export function textOf(word: PeerWord): string {
  return JSON.stringify(word);
}

/** What was said `ageMs` ago, as it is now; null where it is nothing that this version understands. */
export function wordOf(text: string, ageMs: number): PeerWord | null {
  const word = parsed(text);
  switch (word?.about) {
    case "breaker": {
      const { state } = word;
      const leftMs = Math.max(state.leftMs - ageMs, 0);
      return { ...word, state: { ...state, ageMs: state.ageMs + ageMs, leftMs } };
    }
    case "upstream": {
      const { state } = word;
      const returnedMs = state.returnedMs === null ? null : state.returnedMs + ageMs;
      return { ...word, state: { ...state, ageMs: state.ageMs + ageMs, returnedMs } };
    }
    default:
      return word;
  }
}

function parsed(text: string): PeerWord | null {
  try {
    return wordSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
