import type { Clock, Timer } from "../core/clock.ts";
import type { RouteName } from "../core/job.ts";
import type { VerificationCount, VerificationRates, Verified } from "../core/stored.ts";

/** Verified what good answers proved to be, by route and hour, and writes that down now and then. */
export interface VerificationTally {
  count(route: RouteName, result: Result): void;
  /** Of each window the sums of each route, also of what is not written down yet. */
  rates(): Promise<readonly VerificationRates[]>;
  /** Writes down what there is. */
  stop(): Promise<void>;
}

type Result = keyof Verified;
type Window = keyof VerificationRates["windows"];

/** Whole hours: the one that runs, and so many before it. */
const WINDOWS: Readonly<Record<Window, number>> = { "1h": 1, "24h": 24, "7d": 168 };
const NAMES = Object.keys(WINDOWS) as Window[];

export interface VerificationTallyDeps {
  readonly clock: Clock;
  readonly write: (rows: readonly VerificationCount[]) => Promise<void>;
  /** Sums since each of these hours. */
  readonly read: (hours: readonly number[]) => Promise<readonly (readonly Omit<VerificationCount, "hour">[])[]>;
}

const HOUR_MS = 3_600_000;
const WRITE_MS = 5_000;
/** Routes and hours that are held while they can't be written down: beyond them they are lost. */
const MAX_HELD = 16_384;

const NONE: Verified = { verified: 0, failed: 0, unverified: 0 };

export function createVerificationTally({ clock, write, read }: VerificationTallyDeps): VerificationTally {
  let held = new Map<string, VerificationCount>();
  let underWay: Promise<void> = Promise.resolve();
  let timer: Timer | null = null;
  let stopped = false;

  const hourNow = (): number => Math.floor(clock.wall() / HOUR_MS);
  const hold = (row: VerificationCount): void => {
    const key = `${row.hour} ${row.app}/${row.capability}`;
    const own = held.get(key);
    if (own === undefined && held.size >= MAX_HELD) return;
    held.set(key, own === undefined ? row : { ...row, ...sum(own, row) });
  };
  const send = async (): Promise<void> => {
    const rows = [...held.values()];
    held = new Map();
    if (rows.length === 0) return;
    try {
      await write(rows);
    } catch {
      for (const row of rows) hold(row);
    }
    if (held.size > 0) later();
  };
  const later = (): void => {
    if (timer !== null || stopped) return;
    timer = clock.after(
      WRITE_MS,
      () => {
        timer = null;
        underWay = underWay.then(send);
      },
      undefined,
    );
  };

  return {
    count({ app, capability }, result) {
      hold({ hour: hourNow(), app, capability, ...NONE, [result]: 1 });
      later();
    },
    async rates() {
      // What is on its way to the disk would be neither here nor there, or in both places.
      await underWay;
      const now = hourNow();
      const hours = NAMES.map((window) => now - WINDOWS[window]);
      const unwritten = [...held.values()];
      const stored = await read(hours);
      const routes = new Map<string, { app: string; capability: string; windows: Record<Window, Verified> }>();
      const add = (window: Window, row: Omit<VerificationCount, "hour">): void => {
        const { app, capability } = row;
        const key = `${app}/${capability}`;
        const own = routes.get(key) ?? { app, capability, windows: { "1h": NONE, "24h": NONE, "7d": NONE } };
        own.windows[window] = sum(own.windows[window], row);
        routes.set(key, own);
      };
      for (const [i, window] of NAMES.entries()) {
        for (const row of stored[i] ?? []) add(window, row);
        for (const row of unwritten) if (row.hour >= (hours[i] as number)) add(window, row);
      }
      return [...routes.values()];
    },
    async stop() {
      stopped = true;
      if (timer !== null) clock.cancel(timer);
      timer = null;
      underWay = underWay.then(send);
      await underWay;
    },
  };
}

function sum(a: Verified, b: Verified): Verified {
  return {
    verified: a.verified + b.verified,
    failed: a.failed + b.failed,
    unverified: a.unverified + b.unverified,
  };
}
