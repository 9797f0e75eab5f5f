import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { systemClock } from "../src/core/clock.ts";
import type { Exchange } from "../src/core/exchange.ts";
import type { RouteSettings } from "../src/core/settings.route.ts";
import { createRetryBudget } from "../src/policy/budget.ts";
import { createBulkhead } from "../src/policy/bulkhead.ts";
import { compileClassifier } from "../src/policy/classify.ts";
import { createTokenBucket } from "../src/policy/limit.ts";
import { createSchemaBudgets } from "../src/policy/response.schema.budget.ts";
import { compileResponseCheck, type ResponseCheck } from "../src/policy/response.ts";
import { contextLabels } from "../src/policy/values.ts";
import { compileSigner } from "../src/upstream/sign.ts";

/**
 * Processor time of the policies around a try, in nanoseconds an operation. Run: `node bench/policies.bench.ts`.
 * All take turns, so that a noisy machine hurts them alike; the figure is the least of many rounds.
 */

const ROUNDS = 15;
const BODY = Buffer.from(JSON.stringify({ success: true, data: { text: "x".repeat(1000) } }));
const HEADERS = ["Content-Type", "application/json", "X-Room-Id", "room-42", "User-Agent", "bench"];
const STATUS = [{ from: 200, to: 399 }];

const schemaBudget = createSchemaBudgets(systemClock)();
const classifier = compileClassifier(
  { transient: [408, 425, 429, "5xx", "timeout", "network", "invalid_response"], permanent: ["4xx", 501, 505] },
  STATUS,
);

function must<T>(result: { ok: true; value: T } | { ok: false; error: string }): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

function check(given: Partial<RouteSettings["response"]>): ResponseCheck {
  const response = { format: "auto", status: STATUS, schema: null, maxBytes: 1 << 20, ...given } as const;
  return must(compileResponseCheck(response, classifier, systemClock))(schemaBudget);
}

function exchange(): Exchange {
  const route = { app: "a", capability: "b", key: "a/b", mode: "sync" } as const;
  const parts = { route, method: "POST", headers: HEADERS, body: BODY };
  return parts as unknown as Exchange;
}

const x = exchange();
const auto = check({});
const envelope = check({ format: "envelope" });
const schema = check({ schema: { type: "object", required: ["data"] } });
const watched = check({ schema: { properties: { x: { pattern: "(a|b)+" } } } });
const bucket = createTokenBucket({ rps: 1e9, burst: 1e9 }, 0);
const slots = createBulkhead({ max: 10, queue: 10 });
const budget = createRetryBudget();
const byHeader = contextLabels([{ label: "room", from: { kind: "header", name: "x-room-id" } }]);
const byBody = contextLabels([{ label: "text", from: { kind: "body", pointer: "/data/text" } }]);
const secret = randomBytes(32);
const signer = must(compileSigner({ scheme: "standard-webhooks", secrets: [`whsec_${secret.toString("base64")}`] }));
const key = createSecretKey(secret);
const ID = "019a0000-0000-7000-8000-000000000000";

interface Case {
  readonly name: string;
  readonly times: number;
  readonly run: (i: number) => unknown;
  bestNs: number;
}
const bench = (name: string, times: number, run: (i: number) => unknown): Case => ({
  name,
  times,
  run,
  bestNs: Number.POSITIVE_INFINITY,
});

const cases: readonly Case[] = [
  bench("classify a status", 1_000_000, (i) => classifier.ofStatus(200 + (i & 255), false)),
  bench("judge 1 KiB, format auto", 200_000, () => auto.judge(x, 200, HEADERS, BODY)),
  bench("judge 1 KiB, format envelope", 50_000, () => envelope.judge(x, 200, HEADERS, BODY)),
  bench("judge 1 KiB, plain schema", 50_000, () => schema.judge(x, 200, HEADERS, BODY)),
  bench("judge 1 KiB, schema under watch", 200, () => watched.judge(x, 200, HEADERS, BODY)),
  bench("rate limit: take a token", 1_000_000, (i) => bucket.take(i)),
  bench("slot: enter and leave", 1_000_000, () => {
    slots.tryEnter();
    slots.leave();
  }),
  bench("retry budget: book a send", 1_000_000, (i) => budget.sent(i)),
  bench("labels: one header", 200_000, () => byHeader(x)),
  bench("labels: one pointer into 1 KiB", 50_000, () => byBody(exchange())),
  bench("sign 1 KiB: ours, three headers", 50_000, (i) => signer.sign(ID, i * 1000, BODY, [])),
  bench("sign 1 KiB: crypto.createHmac alone", 50_000, (i) =>
    createHmac("sha256", key).update(`${ID}.${i}.`, "latin1").update(BODY).digest("base64"),
  ),
];

for (let round = 0; round < ROUNDS; round++) {
  for (const one of cases) {
    const before = process.cpuUsage();
    for (let i = 0; i < one.times; i++) one.run(i);
    const { user, system } = process.cpuUsage(before);
    one.bestNs = Math.min(one.bestNs, ((user + system) * 1000) / one.times);
  }
}
for (const { name, bestNs } of cases) process.stdout.write(`${name.padEnd(38)}${bestNs.toFixed(0).padStart(9)} ns\n`);
