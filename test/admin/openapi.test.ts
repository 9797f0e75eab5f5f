import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { EVENT_TYPES } from "../../src/core/events.ts";
import { api, startAdmin } from "../help/admin.ts";

test("docs/openapi.json is what the listener serves: after a change, run vitest with -u", async () => {
  const admin = await startAdmin();
  const { body } = await api(admin, "/openapi.json");
  await expect(`${JSON.stringify(body, null, 2)}\n`).toMatchFileSnapshot("../../docs/openapi.json");
});

interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId?: string }>>>>;
}
const committed = (): OpenApi => JSON.parse(readFileSync("docs/openapi.json", "utf8"));

test("the description is OpenAPI 3.1 and names every endpoint of the API", () => {
  const { openapi, paths } = committed();
  expect(openapi).toBe("3.1.0");
  const base = "/api/v1/admin";
  expect(Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m} ${path}`))).toEqual(
    expect.arrayContaining([
      "get /livez",
      "get /readyz",
      "get /metrics",
      `get ${base}/circuit-breaker/status`,
      `get ${base}/circuit-breaker/{app}/{capability}`,
      `post ${base}/circuit-breaker/{app}/{capability}/reset`,
      `post ${base}/circuit-breaker/{app}/{capability}/trip`,
      `get ${base}/health/apps`,
      `get ${base}/health/apps/{app}`,
      `get ${base}/failover`,
      `get ${base}/failover/{app}`,
      `post ${base}/failover/{app}/switch`,
      `post ${base}/failover/{app}/release`,
      `get ${base}/manifest`,
      `post ${base}/manifest/validate`,
      `post ${base}/manifest/reload`,
      `get ${base}/manifest/revisions`,
      `post ${base}/explain`,
      `get ${base}/events`,
      `get ${base}/audit`,
      `get ${base}/status`,
      `get ${base}/routes`,
      `get ${base}/deliveries`,
      `get ${base}/deliveries/{id}`,
      `post ${base}/deliveries/{id}/cancel`,
      `post ${base}/deliveries/{id}/resend`,
      `post ${base}/routes/{app}/{capability}/pause`,
      `post ${base}/routes/{app}/{capability}/resume`,
      `post ${base}/apps/{app}/pause`,
      `post ${base}/apps/{app}/resume`,
      `get ${base}/dlq`,
      `get ${base}/dlq/{id}`,
      `post ${base}/dlq/{id}/retry`,
      `delete ${base}/dlq/{id}`,
      `post ${base}/dlq/retry`,
      `post ${base}/dlq/delete`,
      `get ${base}/dlq/export`,
      `post ${base}/dlq/import`,
      `post ${base}/spool/backup`,
    ]),
  );
  expect(JSON.stringify(paths[`${base}/events`])).toContain(JSON.stringify(EVENT_TYPES));
});

test("redocly finds nothing to say about the description", async () => {
  const require = createRequire(import.meta.url);
  const redocly = require.resolve("@redocly/cli/bin/cli.js");
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [redocly, "lint", "docs/openapi.json"], {
    env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true", NO_COLOR: "1" },
  });
  expect(`${stdout}${stderr}`).toContain("Your API description is valid");
  expect(`${stdout}${stderr}`).not.toMatch(/warning/i);
});
