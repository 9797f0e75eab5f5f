import type { Clock, Timer } from "../core/clock.ts";
import type { StorageError } from "./error.ts";

/**
 * Keeps the newest row of each key until it is on disk, so that whoever writes it neither waits nor fails. Writes must
 * be repeatable: of one that was under way when the thread died nobody knows whether it was done.
 */
export interface LatestWriter<Row> {
  save(row: Row): void;
  /** Tries every row that is not on disk. */
  sendAll(): void;
  /** Rows whose last try failed. */
  failed(): number;
  /** Sends what is not on disk a last time, and tries nothing again. */
  sendLast(): void;
}

export interface LatestWriterOptions<Row> {
  readonly clock: Clock;
  readonly keyOf: (row: Row) => string;
  readonly write: (row: Row) => Promise<void>;
  /** Rows held at most; beyond it the oldest key is let go. */
  readonly max: number;
}

/** How soon a row that could not be written (a full disk) is tried again. */
const RETRY_MS = 5_000;

/** Of each key one row is under way at a time. Rows of different keys leave in the order they came. */
export function createLatestWriter<Row>({ clock, keyOf, write, max }: LatestWriterOptions<Row>): LatestWriter<Row> {
  const unsaved = new Map<string, Row>();
  const sending = new Set<string>();
  let retry: Timer | null = null;

  const send = (key: string): void => {
    const row = unsaved.get(key);
    if (!row || sending.has(key)) return;
    sending.add(key);
    write(row).then(
      () => {
        sending.delete(key);
        if (unsaved.get(key) === row) unsaved.delete(key);
        else send(key);
      },
      (error: StorageError) => {
        sending.delete(key);
        if (error.code !== "closed") retry ??= clock.after(RETRY_MS, sendAll, undefined);
      },
    );
  };

  const stop = (): void => {
    if (retry) clock.cancel(retry);
    retry = null;
  };

  const sendAll = (): void => {
    stop();
    for (const key of unsaved.keys()) send(key);
  };

  return {
    save(row) {
      const key = keyOf(row);
      unsaved.set(key, row);
      if (unsaved.size > max) {
        const [oldest] = unsaved.keys();
        if (oldest !== undefined) unsaved.delete(oldest);
      }
      send(key);
    },
    sendAll,
    failed: () => [...unsaved.keys()].filter((key) => !sending.has(key)).length,
    sendLast() {
      stop();
      // Also those of which an older row is under way: commands keep their order.
      for (const row of unsaved.values()) write(row).catch(() => {});
      unsaved.clear();
    },
  };
}
