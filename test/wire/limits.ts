import type { LimitSettings } from "../../src/core/settings.service.ts";

/** The limits of a manifest that names none. */
export const LIMITS: LimitSettings = {
  minTimeoutMs: 1_000,
  maxSyncTimeoutMs: 30_000,
  maxAsyncTimeoutMs: 900_000,
  body: 1024 * 1024,
  headerBytes: 16 * 1024,
  headers: 100,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  connections: 10_000,
  inFlight: 5_000,
  buffered: 256 * 1024 * 1024,
  drainMs: 25_000,
};
