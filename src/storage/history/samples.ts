import type { NewSample, StoredSample } from "../../core/calls.ts";
import type { RouteName } from "../../core/job.ts";
import { isJudged, isSuccess } from "../../core/outcome.ts";
import type { Page, PageRequest } from "../../core/stored.ts";
import type { Connection } from "../connection.ts";
import { pageOf } from "./page.ts";
import { MINUTES_IN_HOUR, openScopes } from "./rollups.ts";

/** Single calls, in the order they came: their table is among those of the counts, with which it shares the scopes. */

const HOUR_MS = MINUTES_IN_HOUR * 60_000;

type SampleQuery = PageRequest & RouteName & { readonly failures: boolean };

export function sampleCommands(db: Connection) {
  const scopes = openScopes(db);
  const add = db.prepare<[Omit<NewSample, "app" | "capability"> & { scope: number; failed: number }]>(
    `INSERT INTO samples (scope, at, duration_ms, outcome, failed, reason, status, attempts, request_id)
     VALUES (@scope, @at, @durationMs, @outcome, @failed, @reason, @status, @attempts, @requestId)`,
  );
  const list = (where: string) =>
    db.prepare<[number, number, number], StoredSample>(
      `SELECT id, at, duration_ms AS durationMs, outcome, reason, status, attempts, request_id AS requestId
         FROM samples WHERE scope = ? AND id < ?${where} ORDER BY id DESC LIMIT ?`,
    );
  const [all, failed] = [list(""), list(" AND failed = 1")];
  return {
    "samples.add": (samples: readonly NewSample[]): void => {
      for (const { app, capability, ...sample } of samples) {
        const scope = scopes.ensure({ app, capability }, Math.floor(sample.at / HOUR_MS));
        const isFailure = isJudged(sample.outcome) && !isSuccess(sample.outcome);
        add.run({ ...sample, scope, failed: isFailure ? 1 : 0 });
      }
    },
    "samples.list": ({ failures, ...query }: SampleQuery): Page<StoredSample> => {
      const scope = scopes.find(query);
      if (scope === null) return { items: [], next: null };
      return pageOf(
        query,
        ({ id }) => id,
        (before, limit) => (failures ? failed : all).all(scope, before, limit),
      );
    },
  };
}
