import { ATTEMPTS } from "./verdict.ts";

/** How long the app may hang. Far more than a busy machine stalls: a good answer that comes too late would come twice. */
const TIMEOUT_MS = 2_500;

export interface ManifestValues {
  readonly proxyPort: number;
  readonly dataDir: string;
  readonly appUrl: string;
  /** Which start of the sidecar this is: the app sees it in X-Life. */
  readonly life: number;
  /** Where several share a spool, and all else that can be shared. */
  readonly redisUrl: string | null;
}

/** The sidecar's manifest: quick retries, so that what fails is tried again within the run, and many, so that none is given up. */
export function manifest({ proxyPort, dataDir, appUrl, life, redisUrl }: ManifestValues): string {
  const shared = redisUrl === null ? "" : `redis: { url: "${redisUrl}" }\nspool: { driver: redis }\n`;
  return `version: 1
listen: { proxy: "127.0.0.1:${proxyPort}", admin: "127.0.0.1:0" }
data_dir: ${JSON.stringify(dataDir)}
${shared}apps:
  torture:
    owner: dev@torture.example
    url: ${appUrl}
    timeout: ${TIMEOUT_MS}ms
    retry: { attempts: ${ATTEMPTS}, initial: 50ms, max: 500ms }
    breaker: { failures: 5, recovery: 200ms, recovery_max: 1s, successes: 1 }
    headers: { set: { X-Life: "${life}" } }
    webhooks:
      plain: { path: /plain, mode: async }
      ordered: { path: /ordered, mode: async, order_by: { body: /key } }
`;
}
