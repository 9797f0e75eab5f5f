import type { EgressRule } from "../core/egress.ts";
import type { Random } from "../core/random.ts";
import { createNotifier, type Notifier } from "../notify/notifier.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { backoffMs } from "../policy/backoff.ts";
import { retryAfterMs } from "../policy/retryafter.ts";
import { type ConnectDeps, createConnector } from "../upstream/connect.ts";

/**
 * The notifier with what it takes from other rooms: waits, connections, log and counts. `egress` is asked at each
 * connection: it follows the manifest.
 */
export function openNotifier(
  deps: Omit<ConnectDeps, "egress"> & { readonly random: Random },
  egress: () => EgressRule,
  log: Log,
  metrics: Metrics,
): Notifier {
  const { clock, random } = deps;
  return createNotifier({
    clock,
    log,
    count: metrics.notified,
    backoffMs: (retry, n) => backoffMs({ ...retry, factor: 2, jitter: "full" }, n, random),
    retryAfterMs: (headers) => retryAfterMs(headers, clock.wall()),
    connector: (to, timeoutMs) => createConnector(to, null, () => timeoutMs, { ...deps, egress: egress() }).connect,
  });
}
