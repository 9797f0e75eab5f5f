import type { StoredAnswer } from "../../spool/port.ts";
import type { Connection } from "../connection.ts";
import type { SpoolState } from "./state.ts";
import type { AnswerRow, RememberCommand } from "./wire.ts";

interface Row {
  readonly body_hash: string;
  readonly status: number;
  readonly headers: string;
  readonly body: Buffer;
  readonly outcome: string;
}

/** Answers of synchronous routes, by route and key. */
export function answerCommands(db: Connection, state: SpoolState) {
  const find = db.prepare<[number, string, number], Row>(
    "SELECT body_hash, status, headers, body, outcome FROM answers WHERE route = ? AND hash = ? AND until > ?",
  );
  const save = db.prepare<[number, string, string, number, number, string, Uint8Array, string]>(
    `INSERT OR REPLACE INTO answers (route, hash, body_hash, until, status, headers, body, outcome)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  return {
    "spool.recall": ({
      now,
      route,
      hash,
    }: {
      readonly now: number;
      readonly route: string;
      readonly hash: string;
    }): AnswerRow<StoredAnswer> | null => {
      const id = state.knownRoute(route);
      const row = id === undefined ? undefined : find.get(id, hash, now);
      if (row === undefined) return null;
      return {
        bodyHash: row.body_hash,
        status: row.status,
        headers: row.headers,
        body: new Uint8Array(row.body),
        outcome: row.outcome,
      };
    },
    "spool.remember": ({ now, route, key, answer }: RememberCommand): void => {
      const { status, headers, body, outcome } = answer;
      const until = now + key.ttlMs;
      save.run(state.routeId(route), key.hash, key.bodyHash, until, status, headers, body, outcome);
    },
  };
}
