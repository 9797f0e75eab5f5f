import type { Marks } from "./marks.ts";

/** A manifest with a marked secret in every place that can hold one, literally, by a variable or from a file. */

export interface Planted {
  readonly yaml: string;
  readonly env: Readonly<Record<string, string>>;
  /** Text of the file `secrets/signing`. */
  readonly signing: string;
}

export interface Ports {
  readonly app: number;
  /** An upstream at which nobody listens. */
  readonly dead: number;
  readonly hook: number;
}

export function plantedManifest(marks: Marks, ports: Ports): Planted {
  const { token, key } = marks;
  const inbound = (verify: string, more = ""): string =>
    `${verify}: { path: /well, inbound: { verify: ${verify}, secrets: ["${
      verify === "standard-webhooks" ? key(`inbound ${verify}`) : token(`inbound ${verify}`)
    }"]${more} } }`;
  const yaml = `
listen: { proxy: "127.0.0.1:0", admin: "127.0.0.1:0" }
data_dir: ./data
version: 1
admin:
  tokens:
    - { name: ops, role: operator, token: "\${OPS}" }
    - { name: watcher, role: viewer, token: ${token("viewer's token")} }
capabilities:
  tagged: { match: { path: /echo/tagged, headers: { X-Gitlab-Token: ${token("match header")} } } }
apps:
  echo:
    owner: dev@echo.example
    url: "http://127.0.0.1:${ports.app}/\${APP_TOKEN}"
    sign: { secrets: ["\${file:secrets/signing}", "${key("sign.secrets, literal")}", "${key("sign.secrets, ed25519", "whsk")}"] }
    context: { room: { header: X-Room-Id } }
    retry: { attempts: 2, initial: 10ms, max: 10ms }
    breaker: { failures: 1000, min_samples: 100000 }
    headers:
      set: { Authorization: "Bearer ${token("headers.set Authorization")}", X-Api-Key: "\${UPSTREAM}", X-Auth: ${token("headers.set X-Auth")} }
    webhooks:
      answer: { path: /answer, fallback: { strategy: static, headers: { X-Access-Token: ${token("fallback header")} }, body: ok } }
      plain: { path: /plain, retry: { attempts: 1 } }
      again: { path: /again, idempotency: { header: Idempotency-Key } }
      last: { path: /last, fallback: { strategy: last_good } }
      later: { path: /later, fallback: { strategy: spool } }
      job: { path: /job, mode: async, idempotency: { header: Idempotency-Key } }
      asked:
        path: /asked
        mode: async
        idempotency: { header: Idempotency-Key }
        retry: { attempts: 1 }
        verify: { poll: { path: "/jobs/{body:/job}", until: { pointer: /state, in: [done] }, fail: { pointer: /failed, in: [true] }, interval: 10ms, timeout: 100ms } }
      web: { path: /web, mode: passthrough }
      tagged: { path: /tagged }
      ${inbound("github")}
      ${inbound("stripe")}
      ${inbound("slack")}
      ${inbound("standard-webhooks")}
      ${inbound("hmac", ", header: X-Signature")}
      ${inbound("bearer")}
  pair:
    owner: dev@pair.example
    upstreams:
      - { name: primary, url: "http://127.0.0.1:${ports.dead}", priority: 0 }
      - { name: backup, url: "http://127.0.0.1:${ports.app}", priority: 1 }
    health: { path: "/health/\${HEALTH_TOKEN}", interval: 100ms, timeout: 1s, fast_interval: 50ms }
    sign: { scheme: platform, secrets: ["${token("sign.secrets, platform")}"] }
    webhooks: { answer: { path: /answer } }
notify:
  channels:
    hook:
      type: http
      url: "http://127.0.0.1:${ports.hook}/hooks/${token("notify url path")}?token=${token("notify url query")}"
      headers: { Authorization: "Bearer ${token("notify header")}" }
      body: { routing_key: ${token("notify body")}, text: "{event:type}: {event:detail}" }
      retry: { attempts: 2, initial: 10ms, max: 10ms }
  routes: [{ on: [failover, failback, fallback.used, dlq.added, breaker.opened], to: [hook] }]
`;
  const env = {
    OPS: token("operator's token"),
    OUTRIGGER_ADMIN_TOKEN: token("OUTRIGGER_ADMIN_TOKEN"),
    OUTRIGGER_SPOOL_KEY: token("OUTRIGGER_SPOOL_KEY"),
    OUTRIGGER_LOG_LEVEL: "debug",
    APP_TOKEN: token("upstream url by a variable"),
    UPSTREAM: token("headers.set X-Api-Key"),
    HEALTH_TOKEN: token("health.path by a variable"),
  };
  return { yaml, env, signing: `${key("sign.secrets, from a file")}\n` };
}

/** What callers send that nobody but the app may see; `who` sets the marks of one call apart from those of others. */
export function secretHeaders(marks: Marks, who: string): Record<string, string> {
  const of = (name: string): string => marks.token(`${who}'s ${name}`);
  return {
    Authorization: `Bearer ${of("Authorization")}`,
    Cookie: `session=${of("Cookie")}`,
    "Proxy-Authorization": `Basic ${Buffer.from(`user:${of("Proxy-Authorization")}`).toString("base64")}`,
    "X-Api-Key": of("X-Api-Key"),
    "X-Hub-Signature-256": `sha256=${of("X-Hub-Signature-256")}`,
    "X-Auth-Token": of("X-Auth-Token"),
    "X-Auth": of("X-Auth"),
    "X-Room-Id": "42",
  };
}

/** A query with tokens in it. */
export function secretQuery(marks: Marks, who: string): string {
  const of = (name: string): string => marks.token(`${who}'s query ${name}`);
  return `?room=42&token=${of("token")}&api_key=${of("api_key")}&sig=${of("sig")}&key=${of("key")}`;
}
