import { type Clock, sleep, type Timer } from "../core/clock.ts";
import type { SpoolFull } from "../core/events.job.ts";
import type { OutriggerEvent } from "../core/events.ts";
import type { JobSummary } from "../core/job.ts";
import type { RouteSurvey, Spool, Survey } from "./port.ts";

/** Looks after the spool in small steps: expires, prunes, and says when it fills up. */
export interface Upkeep {
  start(): void;
  stop(): void;
  /** Something was refused for want of room: looks at once. */
  look(): void;
}

export interface UpkeepDeps {
  readonly spool: Spool;
  readonly clock: Clock;
  readonly emit: (event: OutriggerEvent) => void;
  /** Nobody asked whether these were done, and nobody can any more. */
  readonly lapsed: (jobs: readonly JobSummary[]) => void;
  /** Told in each round what there is, of each route. */
  readonly found?: (routes: readonly RouteSurvey[]) => void;
}

const ROUND_MS = 1_000;
/** While there is more to do: a little at a time, since others wait for the same disk … */
const STEP_MS = 20;
/** … and slower where there is only more to look at. */
const LOOK_MS = 100;
const NEARLY = 0.8;
/** A level is left only so far below it: around a bound jobs come and go, and each would be news. */
const LESS = { full: 0.9, nearly: 0.75 };

type Level = SpoolFull["level"];

export function createUpkeep({ spool, clock, emit, lapsed, found }: UpkeepDeps): Upkeep {
  let timer: Timer | null = null;
  let running = false;
  let looking = false;
  let busy = false;
  let level: Level = "room again";

  const tell = ({ states, bytes, maxBytes, maxJobs, full }: Survey): void => {
    const jobs = states.queued + states.leased + states.verifying;
    const bound = full ?? (jobs / maxJobs >= bytes / maxBytes ? "jobs" : "bytes");
    const share = Math.max(jobs / maxJobs, bytes / maxBytes);
    const next = levelOf(full !== null, share, level);
    if (next === level) return;
    level = next;
    emit({ type: "spool.full", at: clock.wall(), level, bound, jobs, maxJobs, bytes, maxBytes, dead: states.dead });
  };
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      const survey = await spool.survey();
      tell(survey);
      found?.(survey.routes);
    } catch {
      // It is away, which has been said; it is looked at again in the next round.
    }
    looking = false;
  };
  /** How long until the next step; null where all is done for now. */
  const step = async (): Promise<number | null> => {
    const swept = await spool.sweep();
    for (const { id, app, capability, requestId, reason, detail, sends } of swept.expired) {
      const about = { at: clock.wall(), id, app, capability, requestId };
      emit({ type: "dlq.added", ...about, reason: reason ?? "expired", detail, sends });
    }
    if (swept.lapsed.length > 0) lapsed(swept.lapsed);
    if (!swept.more) return null;
    return swept.expired.length > 0 ? STEP_MS : LOOK_MS;
  };
  const round = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      for (let ms = await step(); running && ms !== null; ms = await step()) await sleep(clock, ms);
    } catch {
      // It is away: the next round.
    }
    busy = false;
  };
  const begin = (): void => {
    timer = clock.after(ROUND_MS, begin, undefined);
    void round();
    // Not after the round: through a million jobs that takes minutes, in which a spool fills up.
    void look();
  };

  return {
    start() {
      running = true;
      timer = clock.after(ROUND_MS, begin, undefined);
    },
    stop() {
      running = false;
      if (timer !== null) clock.cancel(timer);
    },
    look: () => void look(),
  };
}

function levelOf(full: boolean, share: number, before: Level): Level {
  if (full || (before === "full" && share >= LESS.full)) return "full";
  return share >= (before === "room again" ? NEARLY : LESS.nearly) ? "80 percent" : "room again";
}
