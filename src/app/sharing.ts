import type { Clock } from "../core/clock.ts";
import type { EventBus, OutriggerEvent } from "../core/events.ts";
import { randomHex } from "../core/ids.ts";
import type { PeerBreaker, PeerWord } from "../core/peer.ts";
import type { Random } from "../core/random.ts";
import type { RedisSettings } from "../core/settings.service.ts";
import { type BreakerId, type StoredPin, upstreamKey } from "../core/stored.ts";
import type { Breakers } from "../policy/breaker.ts";
import type { FailoverSharing } from "../policy/failover.telling.ts";
import type { RedisLink } from "../redis/connection.ts";
import { type Agreement, createAgreement } from "../shared/agreement.ts";
import { hearNews } from "../shared/news.ts";
import type { Registers } from "../shared/port.ts";
import { newsChannel, redisRegisters } from "../shared/redis.ts";
import { breakerName, nameOf, pinName, textOf, upstreamName, wordOf } from "../shared/words.ts";
import type { Failovers } from "./failovers.ts";

/** What breakers and failovers share with those of other replicas. */
export interface Sharing extends AsyncDisposable {
  /** For the breakers; null where theirs are not shared. */
  readonly breakers: {
    share(id: BreakerId, state: PeerBreaker, firm: boolean): void;
    recall(id: BreakerId): PeerBreaker | null;
  } | null;
  /** For the failovers; null likewise. */
  readonly failovers: PinSharing | null;
  /** In place of the bus: a move is told once it is known which replica's it was. */
  readonly emit: (event: OutriggerEvent) => void;
  /** From now on these follow what other replicas do. */
  attach(machines: Machines): void;
  /** What there is by now is made known where the others know nothing of it. */
  announce(): void;
  /** Is what other replicas do known here? */
  readonly agreed: boolean;
  /** Resolves when it first is. */
  readonly first: Promise<void>;
}

export interface PinSharing extends FailoverSharing {
  /** What the others hold of an app's pin; null where they hold nothing, which is no release. */
  recallPin(app: string): { readonly pin: StoredPin | null } | null;
}

export interface Machines {
  readonly breakers: Pick<Breakers, "follow" | "peers">;
  readonly failovers: Pick<Failovers, "find" | "peers" | "objected">;
}

export interface SharingDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly bus: Pick<EventBus, "emit">;
}

/** Shares through Redis what `redis.shared` names. */
export function openSharing(link: RedisLink, { shared }: Pick<RedisSettings, "shared">, deps: SharingDeps): Sharing {
  const registers = redisRegisters({ ...link, newEpoch: () => randomHex(deps.random, 8) });
  const sharing = createSharing(registers, shared, deps);
  const stop = hearNews(link.client, newsChannel(link.prefix), sharing.refresh);
  link.onBack(sharing.reread);
  return {
    ...sharing,
    get agreed() {
      return sharing.agreed;
    },
    async [Symbol.asyncDispose]() {
      stop();
      await sharing[Symbol.asyncDispose]();
    },
  };
}

/** The same over any registers. `refresh`: there is news; `reread`: they were away. */
export function createSharing(
  registers: Registers,
  shared: RedisSettings["shared"],
  { clock, random, bus }: SharingDeps,
): Sharing & Pick<Agreement, "refresh" | "reread"> {
  const replica = randomHex(random, 8);
  const of = {
    breaker: shared.includes("breaker"),
    upstream: shared.includes("failover"),
    pin: shared.includes("failover"),
  };
  let machines: Machines | null = null;
  let objections: ReadonlySet<string> = new Set();
  // By what events call it, the register that was last proposed: names of the manifest, so there are not many.
  const spoken = new Map<string, string>();
  let moves = 0;
  const { promise: first, resolve: whenFirst } = Promise.withResolvers<void>();

  const standing = function* (): Iterable<readonly [string, string]> {
    for (const word of wordsOf(machines)) if (of[word.about]) yield [nameOf(word), textOf(word)];
  };
  const agreement = createAgreement({
    clock,
    registers,
    replica,
    newId: () => `${replica}-${++moves}`,
    apply(_name, value, ageMs) {
      const word = wordOf(value, ageMs);
      if (word !== null && of[word.about]) follow(word, machines);
    },
    standing,
    objections(about) {
      objections = about;
      machines?.failovers.objected();
    },
    onChange: (agreed) => {
      if (agreed) whenFirst();
    },
  });

  const tell = (word: PeerWord, firm: boolean): void => {
    const name = nameOf(word);
    spoken.set(spokenOf(word), name);
    agreement.moved(name, textOf(word), firm);
  };
  const recall = (name: string): PeerWord | null => {
    const held = agreement.recall(name);
    return held === null ? null : wordOf(held.value, held.ageMs);
  };
  return {
    breakers: of.breaker
      ? {
          share: (id, state, firm) => tell({ about: "breaker", id, state }, firm),
          recall(id) {
            const word = recall(breakerName(id));
            return word?.about === "breaker" ? word.state : null;
          },
        }
      : null,
    failovers: of.upstream
      ? {
          tell: (id, state, firm) => tell({ about: "upstream", id, state }, firm),
          tellPin: (app, pin) => tell({ about: "pin", app, pin }, true),
          object: (id, ms) => agreement.object(upstreamKey(id), ms),
          recall(id) {
            const word = recall(upstreamName(id));
            return word?.about === "upstream" ? word.state : null;
          },
          recallPin(app) {
            const word = recall(pinName(app));
            return word?.about === "pin" ? word : null;
          },
          objected: (id) => objections.has(upstreamKey(id)),
        }
      : null,
    emit(event) {
      const moved = "peer" in event && event.peer === true ? null : movedBy(event);
      const name = moved === null ? undefined : spoken.get(moved);
      if (name === undefined) return bus.emit(event);
      agreement.decided(name, (ours) => bus.emit(ours ? event : ({ ...event, peer: true } as OutriggerEvent)));
    },
    attach(given) {
      machines = given;
    },
    announce: agreement.announce,
    get agreed() {
      return agreement.agreed;
    },
    first,
    refresh: agreement.refresh,
    reread: agreement.reread,
    async [Symbol.asyncDispose]() {
      agreement.stop();
    },
  };
}

function* wordsOf(machines: Machines | null): Iterable<PeerWord> {
  if (machines === null) return;
  for (const one of machines.breakers.peers()) yield { about: "breaker", ...one };
  yield* machines.failovers.peers();
}

function follow(word: PeerWord, machines: Machines | null): void {
  switch (word.about) {
    case "breaker":
      return machines?.breakers.follow(word.id, word.state);
    case "upstream":
      return machines?.failovers.find(word.id.app)?.follow(word.id, word.state);
    case "pin":
      return machines?.failovers.find(word.app)?.followPin(word.pin);
  }
}

/** As an event names what moved: events know upstreams by name, registers by URL, too. */
function spokenOf({ about, ...word }: PeerWord): string {
  if (!("id" in word)) return `${about} ${word.app}`;
  const { app, upstream } = word.id;
  return "capability" in word.id ? `${about} ${app}/${word.id.capability} ${upstream}` : `${about} ${app} ${upstream}`;
}

/** What an event tells the move of, likewise; null for what other replicas do not decide. */
function movedBy(event: OutriggerEvent): string | null {
  switch (event.type) {
    case "breaker.opened":
    case "breaker.half_open":
    case "breaker.closed":
      return `breaker ${event.app}/${event.capability} ${event.upstream}`;
    case "upstream.up":
    case "upstream.down":
      return `upstream ${event.app} ${event.upstream}`;
    case "failover":
    case "failback":
      if (event.reason === "manifest") return null;
      if (event.reason === "operator") return `pin ${event.app}`;
      return `upstream ${event.app} ${event.reason === "recovered" ? event.to : event.from}`;
    default:
      return null;
  }
}
