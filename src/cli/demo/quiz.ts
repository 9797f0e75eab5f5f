import type { Clock } from "../../core/clock.ts";
import { uuidv7 } from "../../core/ids.ts";
import type { Random } from "../../core/random.ts";
import type { Hook } from "./caller.ts";
import { type GithubPayload, SIGNATURE, signatureOf } from "./github.ts";

/** The toy app's manifest, as its owner would write it, and the calls that a quiz platform makes. */

/** The app's breakers open after so many failures in a row. */
export const FAILURES = 5;
/** … and let a trial through after this at the earliest. */
export const RECOVERY_MS = 2_000;
/** Where registrations arrive at the app. */
export const REGISTER_PATH = "/webhooks/register";
const ANSWER_MS = 2_000;
const WINNER_MS = 1_000;

export function manifest(port: number): string {
  return `version: 1
listen:
  proxy: 127.0.0.1:0            # where the platform calls; 0 is any free port
  admin: 127.0.0.1:0
data_dir: ./data

apps:
  quiz:
    owner: quiz-team@example.com
    url: http://127.0.0.1:${port}
    breaker: { failures: ${FAILURES}, recovery: ${RECOVERY_MS}ms, recovery_max: 4s, successes: 3 }
    webhooks:
      quiz_answer:
        path: /webhooks/answer
        timeout: ${ANSWER_MS}ms
      winner_selection:
        path: /webhooks/winner
        timeout: ${WINNER_MS}ms
        fallback: { strategy: random_pick, from: /participants, as: /winner }
      participant_registration:
        path: ${REGISTER_PATH}
        timeout: ${WINNER_MS}ms
        fallback: { strategy: pending_approval }
      github:
        path: /webhooks/github
        timeout: ${ANSWER_MS}ms
`;
}

export const PARTICIPANTS: readonly string[] = ["Ada", "Alan", "Barbara", "Edsger", "Grace", "Radia"];

export function answer(n: number): Hook {
  return quizHook("quiz_answer", ANSWER_MS, { room: "42", user: `user-${n}`, question: "q7", answer: "B" });
}

export function winner(): Hook {
  return quizHook("winner_selection", WINNER_MS, { room: "42", participants: PARTICIPANTS });
}

export function registration(n: number): Hook {
  return quizHook("participant_registration", WINNER_MS, { room: "42", user: `user-${n}` });
}

interface Chance {
  readonly clock: Clock;
  readonly random: Random;
}

/** A call as GitHub makes it, signed with `secret`. */
export function github(payload: GithubPayload, secret: string, { clock, random }: Chance): Hook {
  return {
    capability: "github",
    path: "/quiz/github",
    timeoutMs: ANSWER_MS,
    body: payload.body,
    headers: {
      "User-Agent": "GitHub-Hookshot/demo",
      "X-GitHub-Event": payload.event,
      "X-GitHub-Delivery": uuidv7(clock, random),
      [SIGNATURE]: signatureOf(secret, payload.body),
    },
  };
}

function quizHook(capability: string, timeoutMs: number, body: object): Hook {
  return { capability, path: `/quiz/${capability}`, timeoutMs, headers: {}, body: Buffer.from(JSON.stringify(body)) };
}

/** The winner that an answer names, or null. */
export function winnerIn(body: Buffer): string | null {
  try {
    const { data } = JSON.parse(body.toString()) as { data?: { winner?: unknown } };
    return typeof data?.winner === "string" ? data.winner : null;
  } catch {
    return null;
  }
}
