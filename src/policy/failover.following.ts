import type { Clock } from "../core/clock.ts";
import type { PeerStanding } from "../core/peer.ts";
import type { StoredPin, UpstreamId } from "../core/stored.ts";
import type { UpstreamMember } from "./failover.member.ts";
import type { Member } from "./failover.period.ts";
import type { FailoverState } from "./failover.state.ts";
import { keyOf, toPeer } from "./failover.stored.ts";
import type { FailoverSharing } from "./failover.telling.ts";

/** How one app follows what other replicas made of it. */
export interface Following {
  /** Another replica moved this upstream of the app. */
  follow(id: UpstreamId, peer: PeerStanding): void;
  /** An operator pinned the app, or with null released it, on another replica. */
  followPin(pin: StoredPin | null): void;
  /** What other replicas find unwell may have changed. */
  objected(): void;
  /** How its upstreams stand that do not serve. */
  peers(): readonly { readonly id: UpstreamId; readonly state: PeerStanding }[];
}

/** The app's failover, as it is now. */
export interface Followed {
  readonly members: () => readonly UpstreamMember[];
  readonly state: () => FailoverState;
  readonly pin: () => StoredPin | null;
  readonly idOf: (own: UpstreamMember) => UpstreamId;
  readonly step: (member: number, peer: PeerStanding) => void;
  readonly setPin: (to: StoredPin | null, by: string) => void;
}

export function createFollowing(of: Followed, clock: Clock, sharing: FailoverSharing | null): Following {
  // A single upstream has nowhere to send its traffic: it serves, whatever others say.
  const backed = (): boolean => of.members().length > 1;
  return {
    follow(id, peer) {
      const key = keyOf({ name: id.upstream, url: id.url });
      const index = of.members().findIndex(({ settings }) => keyOf(settings) === key);
      if (index >= 0 && backed()) of.step(index, peer);
    },
    followPin(to) {
      const pin = of.pin();
      if (to?.upstream !== pin?.upstream) of.setPin(to, to?.by ?? pin?.by ?? "");
    },
    objected() {
      for (const own of of.members()) own.cell.tally.objected = sharing?.objected(of.idOf(own)) ?? false;
    },
    peers() {
      const now = clock.now();
      const all = of.members().map((own, i) => ({ id: of.idOf(own), member: of.state().members[i] as Member }));
      return all
        .filter(({ member }) => backed() && member.kind !== "serving")
        .map(({ id, member }) => ({ id, state: toPeer(member, now) }));
    },
  };
}
