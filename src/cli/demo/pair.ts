import type { Hook } from "./caller.ts";
import * as quiz from "./quiz.ts";

/** An app with a primary and a backup: its manifest, and the call that is made to it. */

/** How long the primary must be well before traffic comes back: in earnest it is longer. */
export const HOLD_S = 3;
const TIMEOUT_MS = 5_000;

export function manifest(primary: number, backup: number): string {
  return `version: 1
listen:
  proxy: 127.0.0.1:0            # where the platform calls; 0 is any free port
  admin: 127.0.0.1:0
data_dir: ./data

apps:
  quiz:
    owner: quiz-team@example.com
    upstreams:
      - { name: primary, url: "http://127.0.0.1:${primary}", priority: 0 }
      - { name: backup, url: "http://127.0.0.1:${backup}", priority: 1 }
    # Without these lines 30s, doubled up to 10m for an upstream that fails again, and 60s.
    failover: { recovery: { hold: ${HOLD_S}s, hold_max: ${HOLD_S}s } }
    webhooks:
      quiz_answer:
        path: /webhooks/answer
        timeout: ${TIMEOUT_MS}ms
        # The app knows an answer by its room, user and question, so it may be sent again.
        retry: { repeat: always }
`;
}

export function answer(n: number): Hook {
  return { ...quiz.answer(n), timeoutMs: TIMEOUT_MS };
}
