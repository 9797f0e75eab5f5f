import type { RouteName } from "../../src/core/job.ts";
import type { Row } from "./spool.memory.row.ts";

/** All rows of the in-memory spool, and those of each route: a test of very many routes must not look at all of them. */
export interface Rows {
  values(): Iterable<Row>;
  get(id: string): Row | undefined;
  keep(row: Row): void;
  drop(row: Row): void;
  of(route: RouteName): Iterable<Row>;
}

export function createRows(): Rows {
  const all = new Map<string, Row>();
  const byRoute = new Map<string, Set<Row>>();
  const of = ({ app, capability }: RouteName): Set<Row> => {
    const key = `${app}/${capability}`;
    const own = byRoute.get(key) ?? new Set();
    byRoute.set(key, own);
    return own;
  };
  return {
    values: () => all.values(),
    get: (id) => all.get(id),
    keep(row) {
      all.set(row.id, row);
      of(row.job).add(row);
    },
    drop(row) {
      all.delete(row.id);
      of(row.job).delete(row);
    },
    of,
  };
}
