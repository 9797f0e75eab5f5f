import type { Worth } from "../core/exchange.ts";
import type { PeerBreaker } from "../core/peer.ts";
import type { Random } from "../core/random.ts";
import type { BreakerSettings } from "../core/settings.route.ts";
import { type BreakerId, breakerKey, type StoredBreaker, type UpstreamId } from "../core/stored.ts";
import { type BreakerCell, type BreakerSnapshot, type CellDeps, createCell, type KeptCell } from "./breaker.cell.ts";
import type { BreakerResult } from "./breaker.tally.ts";

export type { BreakerCell, BreakerSnapshot } from "./breaker.cell.ts";
export type { BreakerResult } from "./breaker.tally.ts";

/** How many breakers without a route are remembered, and how many stored states wait for theirs. */
const MAX_IDLE = 65_536;

/** Every breaker of the process. State is kept by app, capability, upstream name and URL, through any reload. */
export interface Breakers {
  /**
   * The breaker of this id: the same one each time, under the settings of the newest `retain`; `settings` are a new one's.
   * A plan of a manifest that comes holds it, but nobody hears of it until a `retain` names it.
   */
  cell(id: BreakerId, settings: BreakerSettings): BreakerCell;
  /** Takes over stored states; those of routes that are not in force yet wait for them. */
  restore(rows: readonly StoredBreaker[]): void;
  /** Another replica's breaker moved; of a route not in force here nothing is kept, for `recall` knows it. */
  follow(id: BreakerId, peer: PeerBreaker): void;
  /** Those of which other replicas should know. */
  peers(): readonly { readonly id: BreakerId; readonly state: PeerBreaker }[];
  /** This upstream is known to be well: on each route, an open breaker may begin its trial at once. */
  hasten(id: UpstreamId): void;
  list(now: number): BreakerSnapshot[];
  /**
   * A manifest is in force: its settings hold from the next event on. New breakers take over what was stored, or what
   * other replicas hold. Takes those not named here off the list; should a route come back, so does its breaker.
   */
  retain(named: Iterable<NamedBreaker>): void;
  /** The manifest that was to come came to nothing: new breakers of its plans are as if they had never been. */
  forget(): void;
}

/** A breaker of a manifest. */
export interface NamedBreaker {
  /** As `cell` gave it. */
  readonly cell: BreakerCell;
  readonly settings: BreakerSettings;
}

export interface BreakersDeps extends CellDeps {
  readonly random?: Pick<Random, "float">;
  /** What other replicas hold of a new breaker; null for nothing. */
  readonly recall?: (id: BreakerId) => PeerBreaker | null;
}

/** How much sooner at most than the others the replica that opened a breaker tries it. */
const HEAD_START_MS = 1_000;

/** Makes the registry. `persist` and `emit` hear of each transition. */
export function createBreakers(deps: BreakersDeps): Breakers {
  const active = new Map<string, KeptCell>();
  // Requests of the old manifest may still settle on a breaker whose route is gone, so it is the cell that is kept.
  const retired = new Map<string, KeptCell>();
  // Asked for by plans that are made now: known, or not yet, they are no part of what is in force.
  const coming = new Map<string, KeptCell>();
  const waiting = new Map<string, StoredBreaker>();

  // Spread, so that the others do not all begin in one moment.
  const headStart = (): number => HEAD_START_MS * (0.2 + 0.8 * (deps.random?.float() ?? 1));

  /** It is in force from here on. What it takes over holds under its new settings, so these come first. */
  const begin = (key: string, cell: KeptCell, settings: BreakerSettings): void => {
    const known = retired.delete(key);
    active.set(key, cell);
    cell.update(settings);
    const row = waiting.get(key);
    waiting.delete(key);
    // What the replicas hold counts more than what this one wrote down.
    const peer = known ? null : (deps.recall?.(cell.id) ?? null);
    if (peer !== null) cell.follow(peer, headStart());
    else if (row) cell.restore(row);
  };

  return {
    cell(id, settings) {
      const key = breakerKey(id);
      const own = active.get(key) ?? coming.get(key);
      if (own !== undefined) return own;
      const cell = retired.get(key) ?? createCell(id, settings, deps);
      coming.set(key, cell);
      return cell;
    },
    follow(id, peer) {
      const key = breakerKey(id);
      (active.get(key) ?? retired.get(key))?.follow(peer, headStart());
    },
    peers() {
      return Array.from(active.values(), (cell) => ({ id: cell.id, state: cell.peer() })).filter(
        (one): one is { id: BreakerId; state: PeerBreaker } => one.state !== null,
      );
    },
    restore(rows) {
      for (const row of rows) {
        const key = breakerKey(row);
        const cell = active.get(key);
        if (cell) cell.restore(row);
        else setBounded(waiting, key, row);
      }
    },
    hasten({ app, upstream, url }) {
      for (const { id, hasten } of active.values()) {
        if (id.app === app && id.upstream === upstream && id.url === url) hasten();
      }
    },
    list: (now) => Array.from(active.values(), (cell) => cell.snapshot(now)),
    retain(named) {
      // By the cells themselves: 10,000 texts would be made and hashed anew at each reload.
      const kept = new Map<BreakerCell, BreakerSettings>();
      for (const { cell, settings } of named) kept.set(cell, settings);
      for (const [key, cell] of active) {
        const settings = kept.get(cell);
        if (settings !== undefined) {
          cell.update(settings);
          continue;
        }
        active.delete(key);
        setBounded(retired, key, cell);
      }
      for (const [key, cell] of coming) {
        const settings = kept.get(cell);
        if (settings !== undefined) begin(key, cell, settings);
      }
      coming.clear();
    },
    forget: () => coming.clear(),
  };
}

/** Sets, then drops the oldest entry where there are too many. */
function setBounded<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  if (map.size <= MAX_IDLE) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

/**
 * What a try's result counts for its breaker: an answer or a final no of the app is good; a transient failure and a
 * 503 that asks to wait are bad; a 429 and a caller who left say nothing. `status` is 0 where no answer came.
 */
export function breakerResult(worth: Worth, status: number): BreakerResult {
  if (status === 429) return "none";
  switch (worth) {
    case "ok":
    case "permanent":
      return "good";
    case "transient":
    case "push_back":
      return "bad";
    case "ignored":
      return "none";
  }
}
