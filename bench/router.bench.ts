import type { MatchSettings } from "../src/core/settings.route.ts";
import { createRouter, type Router } from "../src/proxy/router.ts";
import { parseTarget } from "../src/proxy/wire.target.ts";

/**
 * Nanoseconds per route lookup, from the request target as it comes to the route, against the number of routes. Run: `node bench/router.bench.ts`. The sizes take turns,
 * so that a noisy machine hurts all of them alike; the figure is the least of many rounds.
 */

const SIZES = [10, 100, 1_000, 10_000];
const LOOKUPS = 50_000;
const ROUNDS = 15;
const HEADERS = ["Host", "proxy.example", "Content-Type", "application/json", "X-Event", "winner"];

const match = (path: string): MatchSettings => ({ path, methods: ["POST"], host: null, headers: [] });

interface Case {
  readonly name: string;
  readonly size: number;
  readonly router: Router<number>;
  readonly paths: readonly Buffer[];
  bestNs: number;
}

function makeCase(name: string, size: number, route: (n: number) => string, path: (n: number) => string): Case {
  const items = Array.from({ length: size }, (_, n) => ({ match: match(route(n)), value: n }));
  // As many different paths for every size, or the processor's caches would be measured instead of the lookup.
  const paths = Array.from({ length: 10 }, (_, n) => Buffer.from(path(Math.floor((n * size) / 10))));
  return { name, size, router: createRouter(items), paths, bestNs: Number.POSITIVE_INFINITY };
}

function round(c: Case): void {
  let sum = 0;
  // A request's path is a new string each time, whose hash is not known yet.
  const paths = Array.from({ length: LOOKUPS }, (_, i) => (c.paths[i % 10] as Buffer).toString("latin1"));
  const start = process.hrtime.bigint();
  for (let i = 0; i < LOOKUPS; i++) {
    const target = parseTarget(paths[i] as string);
    if (target.kind === "refused") throw new Error("a target was refused");
    const hit = c.router.find("POST", "proxy.example", target.path, HEADERS);
    if (hit.kind === "found") sum += hit.value + hit.rest.length;
  }
  const ns = Number(process.hrtime.bigint() - start) / LOOKUPS;
  if (sum < 0) throw new Error("a lookup found nothing");
  c.bestNs = Math.min(c.bestNs, ns);
}

const app = (n: number): string => `/app${String(n).padStart(5, "0")}`;
const cases = SIZES.flatMap((size) => [
  makeCase(
    "exact",
    size,
    (n) => `${app(n)}/quiz_answer`,
    (n) => `${app(n)}/quiz_answer`,
  ),
  makeCase(
    "parameter",
    size,
    (n) => `${app(n)}/rooms/:room/answer`,
    (n) => `${app(n)}/rooms/42/answer`,
  ),
  makeCase(
    "wildcard",
    size,
    (n) => `${app(n)}/hooks/*`,
    (n) => `${app(n)}/hooks/a/b`,
  ),
]);
for (let n = 0; n < ROUNDS; n++) for (const c of cases) round(c);

console.log(`node ${process.version}, best of ${ROUNDS} rounds of ${LOOKUPS} lookups`);
for (const name of ["exact", "parameter", "wildcard"]) {
  const row = cases.filter((c) => c.name === name);
  const figures = row.map((c) => `${c.size}: ${c.bestNs.toFixed(0)} ns`).join("   ");
  const ratio = (row.at(-1)?.bestNs ?? 0) / (row[0]?.bestNs ?? 1);
  console.log(`${name.padEnd(10)} ${figures}   (${SIZES.at(-1)} over ${SIZES[0]}: ${ratio.toFixed(2)})`);
}
