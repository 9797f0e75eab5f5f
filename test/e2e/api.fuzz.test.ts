import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "../help/app.ts";
import { call } from "../help/call.ts";
import { type Description, type Made, type Operation, requestsOf, wrongRequestsOf } from "../help/openapi.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/**
 * One who knows nothing of the admin API but docs/openapi.json asks a running sidecar everything that it describes,
 * rightly and wrongly. No answer is a failure of ours, has a status that is not described, or a body of another shape.
 */

const TOKEN = "a-token-of-the-fuzzer-which-is-long";
const description = JSON.parse(readFileSync("docs/openapi.json", "utf8")) as Description;
const ajv = new Ajv2020({ strict: false, allErrors: true });
(formats as unknown as (ajv: Ajv2020) => void)(ajv);
ajv.addSchema(description, "openapi");

/** An answer of these ends only with its connection. */
const NOT_ASKED = new Set(["events", "eventsSocket"]);

const OPERATIONS = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).flatMap(([method, operation]) =>
    NOT_ASKED.has(operation.operationId) ? [] : [{ method: method.toUpperCase(), path, operation }],
  ),
);

let app: TestApp;
let sidecar: Sidecar;
const known: Record<string, string[]> = {
  app: ["quiz"],
  capability: ["hook", "later"],
  revision: ["1"],
  channel: ["chat"],
  to: ["backup"],
  for: ["1h"],
  window: ["1h", "7d"],
  path: ["/quiz/hook"],
  method: ["POST"],
};
const context = { root: description, known };

beforeAll(async () => {
  app = await startTestApp((_got, res) => void res.writeHead(422).end("{}"));
  sidecar = await startSidecar(`admin: { tokens: [{ name: ops, role: operator, token: ${TOKEN} }] }
alerts: { interval: 1s, rules: [{ name: dead, metric: dlq_size, above: 0 }] }
notify:
  channels: { chat: { type: webhook, url: "${app.url}/chat" } }
  routes: [{ on: [dlq.added], to: [chat] }]
apps:
  quiz:
    owner: dev@quiz.example
    upstreams: [{ name: primary, url: "${app.url}" }, { name: backup, url: "${app.url}", priority: 1 }]
    webhooks: { hook: { path: /hook, retry: { repeat: always } }, later: { path: /later, async: true } }
`);
  // One of everything that has an id.
  for (const route of ["hook", "later"])
    await fetch(`${sidecar.url}/quiz/${route}`, {
      method: "POST",
      body: "{}",
      headers: { "Content-Type": "application/json" },
    });
  const { id } = await sidecar.event("dlq.added");
  await sidecar.event("alert.firing");
  const told = await ask("GET", { path: "/api/v1/admin/notifications", headers: {}, body: null });
  const { items } = JSON.parse(told.text) as { items: { id: string }[] };
  known.id = [id, "dead", ...items.map((one) => one.id)];
});
afterAll(async () => {
  await sidecar.stop();
  await app.stop();
});

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Each over a connection of its own: one that is kept may be closed in the moment it is used again. */
async function ask(method: string, { path, headers, body }: Made): Promise<Answer> {
  const answer = await call(`${sidecar.adminUrl}${path}`, {
    method,
    headers: { ...headers, Authorization: `Bearer ${TOKEN}` },
    ...(body !== null && method !== "GET" && { body }),
  });
  const [type = ""] = (answer.headers["content-type"] ?? "").split(";");
  return { status: answer.status, type, text: answer.text };
}

/** What is wrong with an answer; null where nothing is. */
function fault(method: string, path: string, operation: Operation, { status, type, text }: Answer): string | null {
  const described = operation.responses[String(status)];
  if (described === undefined) return `${status} is not described: ${text}`;
  const content = described.content ?? {};
  if (Object.keys(content).length > 0 && content[type] === undefined) return `${status} is ${type}: ${text}`;
  if (!type.endsWith("json") || content[type]?.schema === undefined) return null;
  const pointer = ["paths", path, method.toLowerCase(), "responses", String(status), "content", type, "schema"];
  const validate = ajv.getSchema(`openapi#/${pointer.map(escaped).join("/")}`);
  if (validate === undefined) return `${status} has a schema that can't be used`;
  // Of lines the schema is that of each.
  const values = type === "application/x-ndjson" ? text.split("\n").filter(Boolean) : [text];
  return values.every((value) => validate(JSON.parse(value)) === true)
    ? null
    : `${ajv.errorsText(validate.errors)}: ${text.slice(0, 500)}`;
}

const escaped = (key: string): string => encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"));

/** The same requests each time: what a change breaks is told by the test that ran before it. */
const RUNS = { numRuns: 12, seed: 6, endOnFailure: true } as const;

/** Operations that were asked well enough to be done. */
const good = new Set<string>();

describe.each(OPERATIONS)("$method $path", ({ method, path, operation }) => {
  const holds = (requests: fc.Arbitrary<Made>): Promise<void> =>
    fc.assert(
      fc.asyncProperty(requests, async (made) => {
        const answer = await ask(method, made);
        expect(fault(method, path, operation, answer)).toBeNull();
        if (answer.status < 300) good.add(operation.operationId);
      }),
      RUNS,
    );

  test("answers as described what is asked as described", async () => {
    await holds(requestsOf(path, operation, context));
  });

  test("answers as described whatever is asked", async () => {
    await holds(wrongRequestsOf(path, operation, context));
  });
});

test("most of them were done at least once, so that it was not refusals alone that were looked at", () => {
  expect(good.size).toBeGreaterThan(OPERATIONS.length * 0.8);
});
