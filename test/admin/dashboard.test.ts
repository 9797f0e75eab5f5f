import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { EVENT_TYPES } from "../../src/core/events.ts";
import { startAdmin } from "../help/admin.ts";
import { call } from "../help/call.ts";

/** How the dashboard's files are served. What they do is in test/dashboard. */

const page = (url: string, headers: Record<string, string> = {}) => call(`${url}/`, { method: "GET", headers });

/** Everything the page names, by its path. */
function named(html: string): string[] {
  return [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => `/${path}`);
}

test("the root is the dashboard, for whoever asks: it holds no secret, and asks for the token itself", async () => {
  const admin = await startAdmin();
  const { status, headers, text } = await page(admin.url);
  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("text/html; charset=utf-8");
  expect(text).toContain("<title>Outrigger</title>");
});

test("every file the page names is there, and comes from this listener alone", async () => {
  const admin = await startAdmin();
  const { text } = await page(admin.url);
  const paths = named(text);
  expect(paths.filter((path) => /main\.[jt]s$/.test(path))).not.toEqual([]);
  for (const path of paths) {
    const { status, headers, body } = await call(admin.url + path, { method: "GET" });
    expect([path, status]).toEqual([path, 200]);
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["content-type"]).toMatch(
      /^(text\/javascript; charset=utf-8|text\/css; charset=utf-8|image\/svg\+xml)$/,
    );
    // A namespace is a name, and fetches nothing.
    expect(body.toString().replaceAll("http://www.w3.org/", "")).not.toMatch(/(?:import|url|fetch)\s*\(?["'`(]https?:/);
  }
});

test("the policy lets the page run its own files and one inline map of names, and nothing else", async () => {
  const admin = await startAdmin();
  const { headers, text } = await page(admin.url);
  const policy = String(headers["content-security-policy"]);
  const [, map = ""] = /<script type="importmap">(.*)<\/script>/.exec(text) ?? [];
  const hash = createHash("sha256").update(map).digest("base64");
  expect(policy.split("; ")).toEqual(
    expect.arrayContaining([
      "default-src 'none'",
      `script-src 'self' 'sha256-${hash}'`,
      "style-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]),
  );
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  expect(headers["x-frame-options"]).toBe("DENY");
});

test("the API keeps the policy under which nothing runs", async () => {
  const admin = await startAdmin();
  const { headers } = await call(`${admin.url}/api/v1/admin/status`, { method: "GET" });
  expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; base-uri/);
});

test("a browser that has a file is told so instead of being sent it again", async () => {
  const admin = await startAdmin();
  const first = await page(admin.url);
  const again = await page(admin.url, { "If-None-Match": String(first.headers.etag) });
  expect([again.status, again.text]).toEqual([304, ""]);
  expect(first.headers["cache-control"]).toBe("no-cache");
});

test.each(["/dashboard/nothing.ts", "/dashboard/", "/dashboard/tsconfig.json"])("%s is no file of it", async (path) => {
  const admin = await startAdmin();
  // A path that may be read in two ways does not come so far: 400.
  const refused = path.includes("%2f") ? 400 : 404;
  expect((await call(admin.url + path, { method: "GET" })).status).toBe(refused);
});

test.each(["/dashboard/../package.json", "/dashboard/%2e%2e/app.ts", "/dashboard/..%2fapp.ts"])(
  "%s leads nowhere",
  async (path) => {
    const admin = await startAdmin();
    expect([400, 404]).toContain((await call(admin.url + path, { method: "GET" })).status);
  },
);

test("a name that is not this listener's own gets no page", async () => {
  const admin = await startAdmin();
  expect((await page(admin.url, { Host: "evil.example" })).status).toBe(421);
  expect((await page(admin.url, { Origin: "https://evil.example" })).status).toBe(403);
});

test("nothing is changed by it: another method is refused", async () => {
  const admin = await startAdmin();
  const { status, headers } = await call(`${admin.url}/`, { method: "POST" });
  expect([status, headers.allow]).toEqual([405, "GET, HEAD"]);
});

test("the page hears of every event but those that come by the thousand", () => {
  const [, list = ""] =
    /const TYPES = \[([^\]]*)\]/.exec(readFileSync("src/admin/dashboard/core/live.ts", "utf8")) ?? [];
  const heard = [...list.matchAll(/"([^"]+)"/g)].map(([, name]) => name);
  const many = (type: string): boolean => /^(request|delivery|fallback)\./.test(type);
  expect(heard).toEqual(EVENT_TYPES.filter((type) => !many(type)));
});
