import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SETTINGS } from "../lib/failover.ts";
import type { FailoverPeer } from "../lib/target.ts";
import type { Ports } from "./failover.apps.ts";
import { oursVersion, serve } from "./ours.ts";

export const oursFailover: FailoverPeer = {
  name: "outrigger",
  title: "outrigger",
  install: "npm ci",
  version: oursVersion,
  async start(bench, ports) {
    const folder = bench.folder("outrigger");
    const file = join(folder, "outrigger.yaml");
    writeFileSync(file, oursFailoverManifest(join(folder, "data"), ports));
    const { proc, proxy } = await serve(bench, "outrigger", file);
    return { name: "outrigger", port: proxy, paths: ["/bench/quiz_answer"], pid: proc.pid, stop: proc.stop };
  },
};

/** Health checks, failover and breaker as they are by default; only that a POST may be repeated has to be said. */
export function oursFailoverManifest(dataDir: string, { primary, backup }: Ports): string {
  const { connectMs, timeoutMs } = SETTINGS;
  return `version: 1
listen: { proxy: "127.0.0.1:0", admin: "127.0.0.1:0" }
data_dir: ${JSON.stringify(dataDir)}
apps:
  bench:
    owner: bench@quiz.example
    upstreams:
      - { name: primary, url: "http://127.0.0.1:${primary}", priority: 0 }
      - { name: backup, url: "http://127.0.0.1:${backup}", priority: 1 }
    sign: { scheme: standard-webhooks, secrets: ["whsec_${randomBytes(32).toString("base64")}"] }
    webhooks:
      quiz_answer:
        path: /webhooks/answer
        timeout: ${timeoutMs}
        connect_timeout: ${connectMs}
        retry: { attempts: 2, repeat: always }
`;
}
