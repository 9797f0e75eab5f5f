import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { createNotifier, type Notifier } from "../notify/notifier.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { backoffMs } from "../policy/backoff.ts";
import { retryAfterMs } from "../policy/retryafter.ts";
import { createConnector } from "../upstream/connect.ts";

/** The notifier with what it takes from other rooms: waits, connections, log and counts. */
export function openNotifier(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  log: Log,
  metrics: Metrics,
): Notifier {
  return createNotifier({
    clock,
    log,
    count: metrics.notified,
    backoffMs: (retry, n) => backoffMs({ ...retry, factor: 2, jitter: "full" }, n, random),
    retryAfterMs: (headers) => retryAfterMs(headers, clock.wall()),
    connector: (to, timeoutMs) => createConnector(to, null, () => timeoutMs, { clock }).connect,
  });
}
