import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, freePort } from "../lib/bench.ts";
import { nativeVersion } from "../lib/native.ts";
import { type Peer, type Target, untilAnswers } from "../lib/target.ts";

/** One thread, keep-alive on both sides, any idle connection used again. */
export const haproxy: Peer = {
  name: "haproxy",
  title: "haproxy",
  install: "Debian package haproxy",
  version: () => nativeVersion("haproxy", ["-v"], /version (\S+?)-/),
  start: (bench, upstreamPort) => startHaproxy(bench, ["backend app", `  server app 127.0.0.1:${upstreamPort}`]),
};

/** `backend` is the section named app. */
export async function startHaproxy(bench: Bench, backend: readonly string[]): Promise<Target> {
  const port = await freePort();
  const file = join(bench.folder("haproxy"), "haproxy.cfg");
  writeFileSync(file, haproxyConfig(port, backend));
  const proc = bench.procs.start("haproxy", "haproxy", ["-db", "-f", file]);
  await Promise.race([untilAnswers(port, "haproxy"), proc.output(20_000)]);
  return { name: "haproxy", port, paths: ["/"], pid: proc.pid, stop: proc.stop };
}

/** The whole file. */
export function haproxyConfig(port: number, backend: readonly string[]): string {
  return [
    "global",
    "  nbthread 1",
    "  maxconn 4096",
    "defaults",
    "  mode http",
    "  option http-keep-alive",
    "  http-reuse always",
    "  timeout connect 5s",
    "  timeout client 60s",
    "  timeout server 60s",
    "frontend in",
    `  bind 127.0.0.1:${port}`,
    "  default_backend app",
    ...backend,
    "",
  ].join("\n");
}
