import type { Alert, AlertMetric, AlertRule, AlertStore } from "../core/alert.ts";
import type { Clock } from "../core/clock.ts";
import type { OutriggerEvent } from "../core/events.ts";
import type { AlertSettings } from "../core/settings.service.ts";
import { type CheckOnly, createChecks } from "./checks.ts";
import { createGathering } from "./gathering.ts";
import { type Alerts, judge } from "./judge.ts";
import { loadRules, openKeeper, type SetRules } from "./kept.ts";
import type { AlertSources } from "./port.ts";
import { createGather } from "./readings.ts";

/** Checks the rules on their interval, tells the bus, and keeps what must outlive the process. */
export interface AlertService extends AsyncDisposable {
  /** The manifest in force: its interval counts from the last check, its rules from the next. */
  apply(settings: AlertSettings): void;
  /** In any order. */
  list(): readonly Alert[];
  find(id: string): Alert | null;
  /** Of each rule in force, how many alerts fire. */
  firing(): readonly { readonly rule: string; readonly alerts: number }[];
  rules(): RulesInForce;
  /** Puts rules in place of the manifest's, until `resetRules`; they are checked at once. Rejects where they can't be kept. */
  setRules(rules: readonly AlertRule[], written: string, by: string): Promise<void>;
  /** Goes back to the manifest's. False where they are in force already. */
  resetRules(): Promise<boolean>;
  /** null where there is no such alert. It holds until `until`, also through the alert's end and next beginning. */
  silence(id: string, silence: Alert["silence"]): Alert | null;
  /** Checks now. Resolves when it is done; never rejects. */
  check(): Promise<void>;
  /** What this measures may be well again: checks that at once, or when the last check is a second ago. */
  checkSoon(metric: AlertMetric): void;
}

export interface RulesInForce {
  readonly rules: readonly AlertRule[];
  /** Who set them in place of the manifest's, and when; null where they are the manifest's. */
  readonly set: { readonly by: string; readonly at: number } | null;
}

export interface AlertDeps {
  readonly clock: Clock;
  readonly emit: (event: OutriggerEvent) => void;
  readonly sources: AlertSources;
  readonly store: AlertStore;
  /** Rules that were kept, read again; null where they are none any more. */
  readonly readRules: (written: string) => readonly AlertRule[] | null;
  readonly warn: (message: string) => void;
}

/** Reads what was kept, so that a restart tells nothing twice. Rejects where it can't be read. */
export async function openAlerts(deps: AlertDeps): Promise<AlertService> {
  const { clock, store, warn } = deps;
  const keeper = await openKeeper(store, clock.wall());
  const state: State = {
    alerts: keeper.alerts,
    set: await loadRules(store, deps.readRules, warn),
    settings: null,
  };
  const gathering = createGathering(clock);
  const judgeNow = async (only: CheckOnly): Promise<void> => {
    const { settings } = state;
    if (settings === null) return;
    const now = clock.wall();
    const rules = rulesOf(state);
    const asked = only === null ? rules : rules.filter(({ metric }) => only.has(metric));
    // Of the others nothing is learnt: their alerts stay as they are.
    const readings = await gathering.all(asked, createGather(deps.sources, now));
    // Others were set in the meantime: these readings are about none of them.
    if (rules !== rulesOf(state)) return void checks.now();
    const judged = judge({ rules, readings, repeatEveryMs: settings.repeatEveryMs, now }, state.alerts);
    state.alerts = judged.alerts;
    if (judged.refused > 0) warn(`${judged.refused} more alerts than can be held are left out`);
    // On its way before it is told, and nobody waits: a disk that stalls is no reason to say nothing.
    void keeper.save(state.alerts);
    for (const event of judged.events) deps.emit(event);
  };
  const checks = createChecks(clock, judgeNow);
  return {
    apply(settings) {
      state.settings = settings;
      checks.every(settings.intervalMs);
    },
    list: () => [...state.alerts.values()],
    find: (id) => state.alerts.get(id) ?? null,
    firing: () => firingOf(state),
    rules: () => ({ rules: rulesOf(state), set: state.set && { by: state.set.by, at: state.set.at } }),
    async setRules(rules, written, by) {
      const at = clock.wall();
      await store.setRules({ rules: written, by, at });
      state.set = { rules, by, at };
      await checks.now();
    },
    async resetRules() {
      if (state.set === null) return false;
      await store.setRules(null);
      state.set = null;
      await checks.now();
      return true;
    },
    silence(id, silence) {
      const alert = state.alerts.get(id);
      if (alert === undefined) return null;
      const silenced = { ...alert, silence };
      state.alerts = new Map(state.alerts).set(id, silenced);
      void keeper.save(state.alerts);
      return silenced;
    },
    check: checks.now,
    checkSoon: checks.soon,
    async [Symbol.asyncDispose]() {
      const ended = checks.stop();
      gathering.giveUp();
      await ended;
      await keeper.save(state.alerts);
    },
  };
}

interface State {
  alerts: Alerts;
  /** What an operator set. */
  set: SetRules | null;
  /** Of the manifest. */
  settings: AlertSettings | null;
}

const NO_RULES: readonly AlertRule[] = [];

function rulesOf({ set, settings }: State): readonly AlertRule[] {
  return set?.rules ?? settings?.rules ?? NO_RULES;
}

function firingOf(state: State): { rule: string; alerts: number }[] {
  const counts = new Map(rulesOf(state).map(({ name }) => [name, 0]));
  for (const { rule, phase } of state.alerts.values()) {
    const own = counts.get(rule);
    if (own !== undefined && phase === "firing") counts.set(rule, own + 1);
  }
  return [...counts].map(([rule, alerts]) => ({ rule, alerts }));
}
