import { SETTINGS } from "../lib/failover.ts";
import type { FailoverPeer } from "../lib/target.ts";
import type { Ports } from "./failover.apps.ts";
import { type NginxConfig, nginx, startNginx } from "./nginx.ts";

export const nginxFailover: FailoverPeer = {
  ...nginx,
  install: "Debian package nginx",
  start: (bench, ports) => startNginx(bench, "nginx", nginxFailoverConfig(ports)),
};

/** nginx without its commercial health checks: it learns from live requests alone. */
export function nginxFailoverConfig({ primary, backup }: Ports): NginxConfig {
  const { connectMs, timeoutMs, tryMs } = SETTINGS;
  return {
    http: [
      "upstream app {",
      // One failed try takes the primary out for 10 s: its defaults, and the soonest it can do.
      `  server 127.0.0.1:${primary} max_fails=1 fail_timeout=10s;`,
      `  server 127.0.0.1:${backup} backup;`,
      // Without idle connections every try would begin with a connect, which a stopped process still accepts.
      "  keepalive 256;",
      "  keepalive_requests 100000000;",
      "}",
    ],
    server: [
      "location / {",
      "  proxy_pass http://app;",
      "  proxy_http_version 1.1;",
      '  proxy_set_header Connection "";',
      // A POST that was sent is only tried again with non_idempotent, an answer of 500 only if it is named.
      "  proxy_next_upstream error timeout http_500 non_idempotent;",
      `  proxy_next_upstream_timeout ${timeoutMs}ms;`,
      `  proxy_connect_timeout ${connectMs}ms;`,
      `  proxy_send_timeout ${tryMs}ms;`,
      // Between two reads; the answers here come in one, so it is the time of the try.
      `  proxy_read_timeout ${tryMs}ms;`,
      "}",
    ],
  };
}
