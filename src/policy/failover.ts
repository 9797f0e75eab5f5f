import type { AppHealth, ProbeReport } from "../core/health.ts";
import type { AppSettings, UpstreamSettings } from "../core/settings.ts";
import type { StoredPin, UpstreamId } from "../core/stored.ts";
import { enterPeriod } from "./failover.cell.ts";
import { changesOf, kindOf } from "./failover.changes.ts";
import { type ComingDeps, createComing } from "./failover.coming.ts";
import { createFollowing, type Following } from "./failover.following.ts";
import { rulesOf } from "./failover.judge.ts";
import { type Handle, handleOf, stopMember, type UpstreamMember } from "./failover.member.ts";
import type { Member } from "./failover.period.ts";
import { endProbeFailures, resized, signsOf } from "./failover.signs.ts";
import { snapshot } from "./failover.snapshot.ts";
import { activeOf, type FailoverEvent, type FailoverState, initialState, next, rankOf } from "./failover.state.ts";
import { keyOf, served, type UpstreamName } from "./failover.stored.ts";
import { createTelling, type TellingDeps, type Told } from "./failover.telling.ts";
import { ALERT_AFTER } from "./health.prober.ts";

/** The upstreams of one app: how each is, and which serve. */
export interface AppFailover extends Following {
  readonly app: string;
  /** What a try of this upstream reads and tells; null for one that the app does not name. */
  of(upstream: UpstreamName): Handle | null;
  /** The same of one that the next `configure` names, for the plans that come with it. */
  prepare(upstream: UpstreamSettings): Handle;
  /** None comes: what was prepared is let go of. */
  forget(): void;
  /** A manifest is in force; the first begins it all. Upstreams that keep their name and URL keep their state. */
  configure(app: AppSettings): void;
  /** Forgets what was normal on routes that are not named. */
  retain(routes: ReadonlySet<string>): void;
  health(now: number): AppHealth;
  /** All traffic goes to this one, as long as it can serve, until it is released. False where there is none. */
  pin(upstream: string, by: string): boolean;
  /** False where nothing was pinned. */
  release(by: string): boolean;
  /** Writes down how each is, and ends all timers. */
  stop(): void;
}

export interface FailoverDeps extends ComingDeps, TellingDeps {
  /** Null takes the app's pin away. */
  readonly savePin: (app: string, pin: StoredPin | null) => void;
  /** It is known to be well: breakers that its failures opened need not wait any longer. */
  readonly onWell: (upstream: UpstreamId) => void;
}

/** The shell that holds one app's machine, its tallies and its timers. `stored` is asked once, by the first `configure`. */
export function createFailover(first: AppSettings, stored: () => StoredPin | null, deps: FailoverDeps): AppFailover {
  const { clock } = deps;
  let app = first;
  let rules = rulesOf(app);
  let members: readonly UpstreamMember[] = [];
  let state: FailoverState = initialState(0, rules, clock.now());
  let pin: StoredPin | null = null;
  const telling = createTelling(() => app.name, deps);

  const backed = (): boolean => members.length > 1;
  const nameOf = (index: number): string | null => members[index]?.settings.name ?? null;

  /** Brings the cells, which requests read, up to date with the machine. */
  const settle = (): void => {
    for (const [i, { cell }] of members.entries()) {
      const member = state.members[i] as Member;
      cell.rank = rankOf(state, i, rules);
      if (cell.generation !== member.generation) enterPeriod(cell, member.kind, member.generation);
    }
  };

  const idOf = ({ settings: { name, url } }: UpstreamMember) => ({ app: app.name, upstream: name, url });

  /** One step of the machine, and what follows from it. */
  const step = (event: FailoverEvent, now: number, { troubleAt = null, by = null, peer = false }: Told = {}): void => {
    const before = state;
    state = next(before, event, now, rules);
    if (state === before) return;
    const troubles = members.map(({ cell }) => troubleAt ?? cell.tally.troubleSince);
    settle();
    for (const change of changesOf(before, state, event, rules)) {
      const { member, serves, move } = change;
      if (member !== null) {
        const own = members[member] as UpstreamMember;
        const is = state.members[member] as Member;
        telling.save(own, is, now);
        // A peer's word is known there; what follows from it here need not follow there.
        const known = event.type === "peer" && event.member === member;
        if (!known) telling.share(own, before.members[member] as Member, is, now, event.type === "pin");
        if (is.kind !== "away") deps.onWell(idOf(own));
        if (serves !== null) telling.health(own, !serves, peer);
      }
      if (move === null) continue;
      const { kind, reason } = move;
      const since =
        kind === "failover" && member !== null ? (troubles[member] ?? move.since ?? now) : (move.since ?? now);
      telling.moved({ kind, from: nameOf(move.from), to: nameOf(move.to), reason, by, durationMs: now - since }, peer);
    }
  };

  const look = (own: UpstreamMember, now: number): void => {
    if (!backed()) return;
    step({ type: "signs", member: members.indexOf(own), signs: signsOf(own.cell.tally, now) }, now);
  };

  const probed = (own: UpstreamMember, report: ProbeReport, now: number): void => {
    const index = members.indexOf(own);
    if (index < 0) return;
    const { down } = own;
    const { tally, serving } = own.cell;
    if (backed()) {
      step({ type: "probe", member: index, signs: signsOf(tally, now), trying: own.cell.trying }, now);
      // Where none serves, the first that answers is better than nothing.
      if (tally.probeSuccesses === 1 && activeOf(state, rules) < 0) deps.onWell(idOf(own));
      // It does not answer, so what waits there waits in vain.
      if (serving && !own.cell.serving && !report.answered) moveWaiting(own);
      telling.object(own, state.members[index] as Member, now, rules);
    }
    const fails =
      (backed() && !own.cell.serving) || tally.probeFailures >= Math.min(rules.health.unhealthyAfter, ALERT_AFTER);
    if (fails !== own.down) telling.health(own, fails, false);
    else if (down && tally.probeFailures === ALERT_AFTER) telling.health(own, true, false);
    telling.saveAgain(own, state.members[index] as Member, now);
  };

  const moveWaiting = (own: UpstreamMember): void => {
    if (activeOf(state, rules) >= 0) own.watch.moveAll();
  };

  const hooks = {
    app: () => app,
    look,
    probed,
    answered(own: UpstreamMember, now: number): void {
      // A single upstream has the traffic, and its next check may be minutes away. What the app itself said stands.
      const index = members.indexOf(own);
      if (index < 0 || backed() || own.probe?.answered !== false) return;
      endProbeFailures(own.cell.tally);
      if (own.down) {
        own.prober.begin();
        telling.health(own, false, false);
      }
      telling.save(own, state.members[index] as Member, now);
    },
    tried(own: UpstreamMember, generation: number, good: boolean, ms: number | null, now: number): void {
      step({ type: "trial", member: members.indexOf(own), generation, good, ms }, now);
    },
    hangs(own: UpstreamMember, sentAt: number): void {
      const index = members.indexOf(own);
      if (index < 0 || !backed()) return;
      const now = clock.now();
      step({ type: "hang", member: index }, now, { troubleAt: sentAt });
      if (!own.cell.serving) moveWaiting(own);
    },
  };

  const coming = createComing(hooks, deps);
  const find = (upstream: UpstreamName) => members.find(({ settings }) => keyOf(settings) === keyOf(upstream));

  const configure = (given: AppSettings): void => {
    const before = nameOf(activeOf(state, rules));
    app = given;
    if (members.length === 0) pin = stored();
    const { windowMs } = rules.failover;
    rules = rulesOf(app);
    const now = clock.now();
    const old = new Map(members.map((own, i) => [keyOf(own.settings), { own, member: state.members[i] as Member }]));
    const fresh = initialState(1, rules, now).members[0] as Member;
    const all = app.upstreams.map((settings) => {
      const known = old.get(keyOf(settings));
      old.delete(keyOf(settings));
      if (known === undefined) return coming.open(settings, app, rules, fresh);
      known.own.settings = settings;
      if (windowMs !== rules.failover.windowMs)
        known.own.cell.tally = resized(known.own.cell.tally, rules.failover.windowMs, now);
      return known;
    });
    for (const { own, member } of old.values()) {
      stopMember(own);
      telling.save(own, member, now);
    }
    members = all.map(({ own }) => own);
    coming.clear();
    const single = all.length === 1;
    const index = pin === null ? -1 : members.findIndex(({ settings }) => settings.name === pin?.upstream);
    // A single upstream has nowhere to send its traffic: it serves, however it is.
    state = {
      members: all.map(({ member }) => (single && member.kind !== "serving" ? served(member, fresh) : member)),
      pin: index,
    };
    settle();
    for (const { prober } of members) prober.configure(app.health, !single);
    const to = nameOf(activeOf(state, rules));
    // Another manifest sends traffic elsewhere.
    if (before !== null && before !== to) {
      const kind = kindOf(before, to, app);
      telling.moved({ kind, from: before, to, reason: "manifest", by: null, durationMs: 0 }, false);
    }
  };

  const setPin = (to: StoredPin | null, by: string, peer: boolean): void => {
    pin = to;
    deps.savePin(app.name, pin);
    const index = members.findIndex(({ settings }) => settings.name === to?.upstream);
    const event: FailoverEvent = index < 0 ? { type: "release" } : { type: "pin", member: index, peer };
    if (!peer) deps.sharing?.tellPin(app.name, to);
    step(event, clock.now(), { by, peer });
  };

  return {
    app: app.name,
    of(upstream) {
      const own = find(upstream);
      return own === undefined ? null : handleOf(own);
    },
    prepare: (upstream) => handleOf(find(upstream) ?? coming.of(upstream)),
    forget: coming.clear,
    configure,
    retain(routes) {
      for (const { watch } of members) watch.retain(routes);
    },
    health: (now) => snapshot({ app, members, state, rules, pin }, now, clock.wall()),
    pin(upstream, by) {
      if (!members.some(({ settings }) => settings.name === upstream)) return false;
      setPin({ app: app.name, upstream, by, at: clock.wall() }, by, false);
      return true;
    },
    release(by) {
      if (pin === null) return false;
      setPin(null, by, false);
      return true;
    },
    ...createFollowing(
      {
        members: () => members,
        state: () => state,
        pin: () => pin,
        idOf,
        step: (member, peer) => step({ type: "peer", member, peer }, clock.now(), { peer: true }),
        setPin: (to, by) => setPin(to, by, true),
      },
      clock,
      deps.sharing ?? null,
    ),
    stop() {
      const now = clock.now();
      for (const [i, own] of members.entries()) {
        stopMember(own);
        telling.save(own, state.members[i] as Member, now);
      }
    },
  };
}
