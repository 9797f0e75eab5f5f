import { SETTINGS } from "../lib/failover.ts";
import type { FailoverPeer } from "../lib/target.ts";
import type { Ports } from "./failover.apps.ts";
import { haproxy, startHaproxy } from "./haproxy.ts";

export const haproxyFailover: FailoverPeer = {
  ...haproxy,
  start: (bench, ports) => startHaproxy(bench, haproxyFailoverBackend(ports)),
};

/** The backend section. `http-request disable-l7-retry` is absent: with it a POST would not be tried again. */
export function haproxyFailoverBackend({ primary, backup }: Ports): string[] {
  const { connectMs, tryMs } = SETTINGS;
  return [
    "backend app",
    `  timeout connect ${connectMs}ms`,
    `  timeout server ${tryMs}ms`,
    "  timeout check 1s",
    "  option httpchk GET /health",
    "  http-check expect status 200-299",
    // Tries again whatever can be tried again, an answer of 500 and a hang among it.
    "  retry-on all-retryable-errors",
    "  retries 2",
    // On every retry, and it picks among active servers: the backup only counts once the primary is marked down.
    "  option redispatch 1",
    // As Outrigger's own defaults: 2 s, two failures 500 ms apart are down, five good ones up.
    "  default-server check inter 2s fastinter 500ms fall 2 rise 5",
    // One failed request marks down, as nginx's max_fails=1: without it requests fail until the second failed check.
    "  default-server observe layer7 error-limit 1 on-error mark-down",
    `  server primary 127.0.0.1:${primary}`,
    `  server backup 127.0.0.1:${backup} backup`,
  ];
}
