import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, freePort } from "../lib/bench.ts";
import { nativeVersion } from "../lib/native.ts";
import { ANSWER, type Peer, type Target, untilAnswers } from "../lib/target.ts";

/** The upstream of every measurement: one worker that answers each request with the same 200. */
export function startUpstream(bench: Bench): Promise<Target> {
  return startNginx(bench, "upstream", {
    http: [],
    server: ["default_type application/json;", `location / { return 200 '${ANSWER}'; }`],
  });
}

/** nginx as a proxy, by its own advice: keep-alive to the upstream over HTTP/1.1, one worker, no access log. */
export const nginx: Peer = {
  name: "nginx",
  title: "nginx",
  install: "Debian package nginx-light",
  version: nginxVersion,
  start: (bench, upstreamPort) =>
    startNginx(bench, "nginx", {
      http: [`upstream app { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 100000000; }`],
      server: [
        "location / {",
        "  proxy_pass http://app;",
        "  proxy_http_version 1.1;",
        '  proxy_set_header Connection "";',
        "}",
      ],
    }),
};

export function nginxVersion(): string | null {
  return nativeVersion("nginx", ["-v"], /nginx\/(\S+)/);
}

/** Lines of the two sections that differ. */
export interface NginxConfig {
  readonly http: readonly string[];
  readonly server: readonly string[];
}

export async function startNginx(bench: Bench, name: string, parts: NginxConfig): Promise<Target> {
  const port = await freePort();
  const folder = bench.folder(name);
  const file = join(folder, "nginx.conf");
  writeFileSync(file, nginxConfig(folder, port, parts));
  const proc = bench.procs.start(name, "nginx", ["-p", folder, "-e", "stderr", "-c", file]);
  await Promise.race([untilAnswers(port, name), proc.output(20_000)]);
  return { name, port, paths: ["/"], pid: proc.pid, stop: proc.stop };
}

/** The whole file. All that nginx writes goes into `folder`. */
export function nginxConfig(folder: string, port: number, { http, server }: NginxConfig): string {
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  return [
    "daemon off;",
    // Only root may name a user, and root's workers could not read this folder otherwise.
    process.getuid?.() === 0 ? "user root;" : "",
    "worker_processes 1;",
    `pid ${folder}/nginx.pid;`,
    "error_log stderr error;",
    "events { worker_connections 4096; }",
    "http {",
    "access_log off;",
    "keepalive_timeout 300s;",
    "keepalive_requests 100000000;",
    ...temp,
    ...http,
    "server {",
    `listen 127.0.0.1:${port} backlog=4096;`,
    ...server,
    "}",
    "}",
    "",
  ].join("\n");
}
