import type { TryResult } from "./channel.ts";
import type { Notice } from "./notice.ts";

/** What became of a notification: `dropped` is one that was never tried. */
export type NotifyOutcome = "sent" | "failed" | "dropped";

type Say = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Where results are told. They are no events: a failing notification must not ask for another. */
export interface NotifyLog {
  readonly info: Say;
  readonly warn: Say;
  readonly error: Say;
}

/** Where notifications are kept for people to look up. Nothing here waits or fails. */
export interface Ledger {
  add(notice: Notice): void;
  /** What is known of one in one channel; `attempts` are those made so far. */
  mark(id: string, channel: string, state: NotifyOutcome | "waiting", attempts: number, detail: string | null): void;
}

export interface ReportDeps {
  readonly log: NotifyLog;
  readonly count: (channel: string, outcome: NotifyOutcome) => void;
  readonly ledger: Ledger;
}

/** Tells log, metrics and ledger what became of notifications. */
export interface Report {
  ended(
    channel: string,
    notice: Notice,
    result: TryResult,
    took: { readonly attempts: number; readonly ms: number },
  ): void;
  /** One of which no more is known than its id, as one that grew too old while the process was down. */
  lost(channel: string, id: string, detail: string): void;
  dropped(channel: string, notice: Notice): void;
}

export function createReport({ log, count, ledger }: ReportDeps): Report {
  return {
    ended(channel, { id, type, app }, result, took) {
      const what = app === null ? type : `${type} of ${app}`;
      const fields = { channel, about: type, ...(app !== null && { app }), status: result.status, ...took };
      const sent = result.kind === "sent";
      count(channel, sent ? "sent" : "failed");
      ledger.mark(id, channel, sent ? "sent" : "failed", took.attempts, sent ? null : result.detail);
      if (sent) return log.info(fields, `told ${channel} of ${what}`);
      const { detail, answer } = result;
      log.error(
        { ...fields, detail, ...(answer !== null && { answer }) },
        `could not tell ${channel} of ${what}: ${detail}`,
      );
    },
    lost(channel, id, detail) {
      count(channel, "failed");
      ledger.mark(id, channel, "failed", 0, detail);
      log.error({ channel, notification: id, detail }, `could not tell ${channel} of everything: ${detail}`);
    },
    dropped(channel, { id }) {
      count(channel, "dropped");
      ledger.mark(id, channel, "dropped", 0, "too many waited");
    },
  };
}
