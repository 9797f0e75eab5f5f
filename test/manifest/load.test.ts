import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { explainRoute } from "../../src/manifest/explain.ts";
import {
  formatProblem,
  type LoadDeps,
  type LoadedManifest,
  loadManifest,
  restartKeys,
} from "../../src/manifest/load.ts";
import { maskManifest } from "../../src/manifest/mask.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "../../src/manifest/units.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "outrigger-manifest-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(name: string, text: string | Uint8Array): string {
  const path = join(dir, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function load(text: string, deps: Partial<LoadDeps> = {}): LoadedManifest {
  const result = loadManifest(write("outrigger.yaml", text), { env: {}, ...deps });
  if (!result.ok) throw new Error(result.error.map(formatProblem).join("\n"));
  return result.value;
}

const APP = "{ owner: x@a.example, url: 'http://10.0.0.5', webhooks: { hook: /h } }";

test("the manifest is frozen all through", () => {
  const { manifest } = load(`apps: { a: ${APP} }`);
  const frozen = (value: unknown): boolean =>
    value === null ||
    typeof value !== "object" ||
    ArrayBuffer.isView(value) ||
    (Object.isFrozen(value) && Object.values(value).every(frozen));
  expect(frozen(manifest)).toBe(true);
  expect(() => Object.assign(manifest.routes[0]?.retry ?? {}, { attempts: 9 })).toThrow(TypeError);
});

test("every file that matters is named for watching, and the directories of patterns", () => {
  write(
    "apps/a.yaml",
    `apps: { a: { owner: x@a.example, url: 'https://a.example', webhooks: { hook: { path: /h, response: { schema: ../s.json } } } } }`,
  );
  write("s.json", "{}");
  write("down.html", "down");
  write("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
  write("ca.pem", "ca");
  const { files } = load(`
include: [apps/*.yaml]
apps:
  b:
    owner: x@a.example
    url: https://10.0.0.5
    tls: { ca: ca.pem }
    sign: { secrets: ["\${file:secret}"] }
    webhooks: { hook: { path: /h, fallback: { strategy: static, file: down.html } } }`);
  expect([...files.keys()]).toEqual(
    ["apps", "apps/a.yaml", "ca.pem", "down.html", "outrigger.yaml", "s.json", "secret"].map((f) => join(dir, f)),
  );
});

test("a map in the place of a text or a number is refused in words", () => {
  const entry = "{ path: /h, response: { status: { a: 1 } } }";
  const file = write(
    "outrigger.yaml",
    `egress: { allow: [{ a: 1 }] }\napps: { a: { url: "http://10.0.0.5", webhooks: { hook: ${entry} } } }`,
  );
  const result = loadManifest(file, { env: {} });
  expect(result.ok ? [] : result.error.map(({ path }) => path)).toEqual(
    expect.arrayContaining(["egress.allow[0]", "apps.a.webhooks.hook.response.status"]),
  );
});

test("the hash follows what is effective, not how it is written", () => {
  const { hash } = load(`apps: { a: ${APP} }`);
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(load(`# a comment\napps:\n  a: ${APP}\n`).hash).toBe(hash);
  expect(load(`apps: { a: ${APP.replace("/h", "/i")} }`).hash).not.toBe(hash);
  expect(load(`apps: { a: ${APP} }`, { env: { WEBHOOK_TIMEOUT_DEFAULT: "9000" } }).hash).not.toBe(hash);
  expect(load(`apps: { a: ${APP} }`, { env: { PATH: "/bin" } }).hash).toBe(hash);
});

test("the hash sees a changed secret, schema and fallback file", () => {
  const text = `apps: { a: { owner: x@a.example, url: 'http://10.0.0.5', sign: { secrets: ["\${file:secret}"] }, webhooks: { hook: { path: /h, response: { schema: s.json }, fallback: { strategy: static, file: down.html } } } } }`;
  const files = { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "s.json": "{}", "down.html": "a" };
  for (const [name, content] of Object.entries(files)) write(name, content);
  const { hash } = load(text);
  for (const [name, content] of Object.entries({
    secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "s.json": '{"type":"object"}',
    "down.html": "b",
  })) {
    write(name, content);
    expect(load(text).hash, name).not.toBe(hash);
    write(name, files[name as keyof typeof files]);
  }
  expect(load(text).hash).toBe(hash);
});

test("a file may be read through a function of the caller's", () => {
  const texts: Record<string, string> = {
    "/m/o.yaml": `include: [more.yaml]\napps: { a: ${APP} }`,
    "/m/more.yaml": `apps: { b: ${APP} }`,
  };
  const result = loadManifest("/m/o.yaml", { env: {}, readFile: (path) => texts[path] ?? "" });
  expect(result.ok && result.value.manifest.apps.map((app) => app.name)).toEqual(["a", "b"]);
});

test("what is no regular file, no text, or too large is refused in one line", () => {
  const problems = (path: string): string[] => {
    const result = loadManifest(path, { env: {} });
    return result.ok ? [] : result.error.map(formatProblem);
  };
  expect(problems(dir)).toEqual([`${dir}:1:1 file: ${dir} is no regular file`]);
  const binary = write("binary.yaml", new Uint8Array([0x61, 0x3a, 0xff, 0xfe]));
  expect(problems(binary)).toEqual([`${binary}:1:1 file: ${binary} is not UTF-8 text`]);
  const large = write("large.yaml", "#".repeat(9 * 1024 * 1024));
  expect(problems(large)).toEqual([`${large}:1:1 file: ${large} is larger than 8MiB`]);
  const many = write("many.yaml", "#\n".repeat(2_200_000));
  expect(problems(many)).toEqual([`${many}:1:1 syntax: the file is larger than 4MiB: split it with include`]);
});

test("an included file of others may name files beside it only, while egress is public", () => {
  write(
    "apps/evil.yaml",
    `apps: { a: { owner: x@a.example, url: 'https://a.example', webhooks: { hook: { path: /h, response: { schema: ../outrigger.yaml }, fallback: { strategy: static, file: /etc/hostname } } } } }`,
  );
  const result = loadManifest(write("outrigger.yaml", "egress: { default: public }\ninclude: [apps/*.yaml]\n"), {
    env: {},
  });
  const lines = result.ok ? [] : result.error.map((p) => `${p.path}: ${p.message}`);
  expect(lines).toEqual([
    `apps.a.webhooks.hook.response.schema: ../outrigger.yaml is outside ${dir}/apps, which egress.default public forbids here`,
    `apps.a.webhooks.hook.fallback.file: /etc/hostname is outside ${dir}/apps, which egress.default public forbids here`,
  ]);
});

test("nor does a link beside it lead to others, while egress is public", () => {
  const app =
    "{ owner: x@a.example, url: 'https://a.example', webhooks: { hook: { path: /h, fallback: { strategy: static, file: here } } } }";
  write("apps/a.yaml", `apps: { a: ${app} }`);
  const main = write("outrigger.yaml", "egress: { default: public }\ninclude: [apps/*.yaml]\n");
  const problems = (): string[] => {
    const result = loadManifest(main, { env: {} });
    return result.ok ? [] : result.error.map(({ message }) => message);
  };
  expect(problems()).toEqual([`there is no file ${dir}/apps/here`]);
  symlinkSync("/etc/hostname", join(dir, "apps", "here"));
  expect(problems()).toEqual([`here is outside ${dir}/apps, which egress.default public forbids here`]);
  rmSync(join(dir, "apps", "here"));
  symlinkSync("a.yaml", join(dir, "apps", "here"));
  expect(problems()).toEqual([]);
});

test("only listen, data_dir and the spool's driver need a restart", () => {
  const base = load(`apps: { a: ${APP} }`).manifest;
  const other = load(`listen: { proxy: "127.0.0.1:0", tls: null }`.replace(", tls: null", "")).manifest;
  expect(restartKeys(base, load("data_dir: elsewhere").manifest)).toEqual(["data_dir"]);
  expect(restartKeys(base, other)).toEqual(["listen"]);
  expect(restartKeys(base, { ...base, spool: { ...base.spool, driver: "redis" } })).toEqual(["spool.driver"]);
  expect(restartKeys(base, load(`redis: { url: "redis://127.0.0.1:6380" }`).manifest)).toEqual(["redis"]);
  expect(restartKeys(base, load(`limits: { drain: 1s }\nspool: { batch: 8 }`).manifest)).toEqual([]);
});

const SECRETIVE = `
admin: { tokens: [{ name: ops, role: operator, token: "\${OPS}" }] }
apps:
  a:
    owner: "\${DB_PASSWORD}"
    url: http://10.0.0.5
    sign: { secrets: ["whsec_\${SIGN}"] }
    headers: { set: { Authorization: "Bearer literal-token-in-the-file" } }
    webhooks:
      hook: { path: /h, inbound: { verify: github, secrets: [literal-secret-in-the-file] }, fallback: { strategy: static, body: { key: "\${API_KEY}" } } }
`;

test("no secret is shown: not in the manifest, not in explanations", () => {
  const secrets = {
    OPS: "ops-token-ops-token",
    DB_PASSWORD: 'pass"word\n',
    SIGN: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    API_KEY: "k1",
  };
  const loaded = load(SECRETIVE, { env: { ...secrets, REDIS_URL: "redis://joe:hunter22@redis.internal" } });
  const shown = JSON.stringify([loaded.masked(), explainRoute(loaded, "a/hook")]);
  for (const secret of [
    ...Object.values(secrets),
    "literal-token-in-the-file",
    "literal-secret-in-the-file",
    "hunter22",
  ]) {
    expect(shown).not.toContain(
      JSON.stringify(secret).slice(1, -1) === "k1" ? '"k1"' : JSON.stringify(secret).slice(1, -1),
    );
  }
  expect(shown).toContain("***");
  expect(loaded.manifest.apps[0]?.owner).toBe('pass"word\n');
});

test("no problem shows a secret, wherever the secret was put by mistake", () => {
  const places = [
    "timeout",
    "path",
    "mode",
    "fallback",
    "retry",
    "match",
    "response",
    "priority",
    "url",
    "order_by",
    "breaker",
    "inbound",
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...places),
      fc.string({ minLength: 6, maxLength: 90 }),
      fc.boolean(),
      (key, secret, quoted) => {
        const value = quoted ? `"\${MY_SECRET}"` : `\n          \${MY_SECRET}`;
        const file = write(
          "outrigger.yaml",
          `apps:\n  a:\n    url: http://10.0.0.5\n    webhooks:\n      hook:\n        ${key}: ${value}\n`,
        );
        const result = loadManifest(file, { env: { MY_SECRET: secret } });
        const text = result.ok ? "" : result.error.map((p) => p.message).join("\n");
        // A secret that is itself part of our own words can't be told from them.
        if (!/^[\w ./:,]*$/.test(secret)) expect(text).not.toContain(secret);
      },
    ),
    { numRuns: 200 },
  );
});

test("durations and sizes read back as what they were", () => {
  const same = (format: (n: number) => string, parse: (text: string) => number | null, max: number): void =>
    fc.assert(fc.property(fc.nat({ max }), (n) => parse(format(n)) === n));
  same(formatDuration, parseDuration, 3650 * 86_400_000);
  same(formatSize, parseSize, 2 ** 50);
  expect(parseDuration(formatDuration(134_563_186_510))).toBe(134_563_186_510);
  expect([90_000, 5500, 86_400_000, 1, 0].map(formatDuration)).toEqual(["90s", "5.5s", "1d", "1ms", "0ms"]);
  expect([1500, 65_536, 2 ** 30].map(formatSize)).toEqual(["1500B", "64KiB", "1GiB"]);
});

test("what routes share is masked once: a manifest of many routes is shown without looking at each text of each", () => {
  const webhooks = Array.from({ length: 500 }, (_, n) => `h${n}: /h${n}`).join(", ");
  const { manifest } = load(`apps: { a: { owner: x@a.example, url: 'http://10.0.0.5', webhooks: { ${webhooks} } } }`);
  let texts = 0;
  const shown = maskManifest(manifest, (text) => {
    texts++;
    return text;
  });
  expect(shown).toMatchObject({ routes: { length: 500 } });
  // Key, app, capability, the path matched, the path sent and the mode of each; and what there is once.
  expect(texts).toBeLessThan(500 * 6 + 200);
});
