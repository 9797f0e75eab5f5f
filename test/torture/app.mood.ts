import type { Random } from "../../src/core/random.ts";
import { isRefused } from "./facts.ts";

/** How the app is for a while, and what it then does with most requests. */
export type Mood = "well" | "failing" | "busy" | "hanging" | "resetting" | "erratic";

export type Answer = "good" | "refused" | "failed" | "busy" | "hung" | "reset" | "cut";

const BAD: Readonly<Record<Exclude<Mood, "well" | "erratic">, readonly Answer[]>> = {
  failing: ["failed"],
  busy: ["busy"],
  hanging: ["hung"],
  resetting: ["reset", "cut"],
};
const ANY_BAD: readonly Answer[] = ["failed", "busy", "hung", "reset", "cut", "reset", "cut", "failed"];

/** How often a request in a bad mood is spared, and one in a good mood is not. */
const SPARED = 0.1;
const UNLUCKY = 0.01;
const ERRATIC = 0.3;

/** The next mood and how long it lasts: well for most of the time, or nothing would ever be delivered under torture. */
export function nextMood(random: Random): { readonly mood: Mood; readonly ms: number } {
  if (random.float() < 0.5) return { mood: "well", ms: 200 + random.float() * 1_200 };
  const moods: readonly Mood[] = ["failing", "busy", "hanging", "resetting", "erratic", "erratic"];
  return { mood: pick(random, moods), ms: 100 + random.float() * 600 };
}

/** A number that is refused is so in every mood in which the app answers at all. */
export function answerOf(mood: Mood, number: number, random: Random): Answer {
  const good: Answer = isRefused(number) ? "refused" : "good";
  const luck = random.float();
  if (mood === "well") return luck < UNLUCKY ? pick(random, ANY_BAD) : good;
  if (mood === "erratic") return luck < ERRATIC ? pick(random, ANY_BAD) : good;
  return luck < SPARED ? good : pick(random, BAD[mood]);
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}
