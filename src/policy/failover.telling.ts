import type { Clock } from "../core/clock.ts";
import type { OutriggerEvent } from "../core/events.ts";
import type { PeerStanding } from "../core/peer.ts";
import type { NewMove, StoredHealth, StoredPin, UpstreamId } from "../core/stored.ts";
import { isWell, type Rules } from "./failover.judge.ts";
import { healthEvent, type UpstreamMember } from "./failover.member.ts";
import type { Member } from "./failover.period.ts";
import { signsOf } from "./failover.signs.ts";
import { toPeer, toStored } from "./failover.stored.ts";

/** What other replicas hear of one app's upstreams, and what is heard of them. */
export interface FailoverSharing {
  /** `firm`: an operator did it. */
  tell(id: UpstreamId, state: PeerStanding, firm: boolean): void;
  tellPin(app: string, pin: StoredPin | null): void;
  /** This replica finds it unwell, for `ms`; 0 takes that back. */
  object(id: UpstreamId, ms: number): void;
  /** What the others hold of it; null for nothing. */
  recall(id: UpstreamId): PeerStanding | null;
  /** Do others find it unwell? */
  objected(id: UpstreamId): boolean;
}

export interface TellingDeps {
  readonly clock: Clock;
  readonly emit: (event: OutriggerEvent) => void;
  readonly saveHealth: (row: StoredHealth) => void;
  readonly addMove: (move: NewMove) => void;
  /** null where there are no other replicas. */
  readonly sharing?: FailoverSharing | null;
}

/** What is told with a step of the machine. */
export interface Told {
  /** When what it reports began; null where the tallies say. */
  readonly troubleAt?: number | null;
  /** The operator, where one did it. */
  readonly by?: string | null;
  /** Another replica made it. */
  readonly peer?: boolean;
}

/** Everyone who hears of what an app's machine does: the store, the history, the event bus and other replicas. */
export interface Telling {
  save(own: UpstreamMember, member: Member, now: number): void;
  /** Does so where it was not written down for a minute. */
  saveAgain(own: UpstreamMember, member: Member, now: number): void;
  moved(move: Omit<NewMove, "app" | "at">, peer: boolean): void;
  health(own: UpstreamMember, down: boolean, peer: boolean): void;
  /** Tells other replicas how it stands from now on, unless that is each one's own matter. */
  share(own: UpstreamMember, was: Member, is: Member, now: number, firm: boolean): void;
  /** After a probe: while this replica finds it unwell, nobody's hold begins. */
  object(own: UpstreamMember, member: Member, now: number, rules: Rules): void;
}

/** A row is written at each transition, and beyond that at most this often. */
const SAVE_MS = 60_000;

export function createTelling(app: () => string, deps: TellingDeps): Telling {
  const { clock } = deps;
  const sharing = deps.sharing ?? null;
  const idOf = ({ settings: { name, url } }: UpstreamMember): UpstreamId => ({ app: app(), upstream: name, url });
  const save = (own: UpstreamMember, member: Member, now: number): void => {
    own.savedAt = now;
    deps.saveHealth(toStored(app(), own, member, now, clock.wall()));
  };
  return {
    save,
    saveAgain(own, member, now) {
      if (now - own.savedAt >= SAVE_MS) save(own, member, now);
    },
    moved(move, peer) {
      const whole: NewMove = { app: app(), at: clock.wall(), ...move };
      deps.addMove(whole);
      const { kind, by, ...rest } = whole;
      deps.emit({ type: kind, ...rest, ...(by === null ? {} : { by }), ...(peer && { peer }) });
    },
    health(own, down, peer) {
      own.down = down;
      deps.emit({ ...healthEvent(app(), own, clock.wall()), ...(peer && { peer }) });
    },
    share(own, was, is, now, firm) {
      const trials =
        is.kind === "returning" || (was.kind === "returning" && is.kind === "away" && is.holdMs === was.holdMs);
      if (!trials) sharing?.tell(idOf(own), toPeer(is, now), firm);
    },
    object(own, member, now, rules) {
      // What others object to must not make this replica object, too: neither would ever end.
      const unwell = member.kind !== "serving" && !isWell({ ...signsOf(own.cell.tally, now), objected: false }, rules);
      if (!unwell && !own.objects) return;
      own.objects = unwell;
      const { intervalMs, timeoutMs } = own.health();
      sharing?.object(idOf(own), unwell ? 2 * intervalMs + timeoutMs : 0);
    },
  };
}
