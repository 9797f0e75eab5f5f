import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, test } from "vitest";
import type { Peer } from "../../src/core/exchange.ts";
import { systemRandom } from "../../src/core/random.ts";
import type { RouteSettings } from "../../src/core/settings.route.ts";
import { Call } from "../../src/proxy/call.ts";
import { OUR_HEADERS, readHead } from "../../src/proxy/outgoing.ts";
import type { RoutePlan } from "../../src/proxy/plan.ts";
import { createManualClock } from "../help/manual-clock.ts";

const LOCAL: Peer = { address: "127.0.0.1", secure: false };
const STRANGER: Peer = { address: "203.0.113.7", secure: true };

/** What the app is to see of a head with these headers. */
function outgoing(
  headers: readonly string[],
  peer = LOCAL,
  method = "POST",
): { call: Call; out: Record<string, string> } {
  const settings = { timeoutMs: 1000, retry: { repeat: "safe" } } as unknown as RouteSettings;
  const plan = { settings, drop: new Set(OUR_HEADERS), set: [], keyHeaders: new Set(["idempotency-key"]) };
  const socket = { remoteAddress: peer.address, ...(peer.secure && { encrypted: true }) };
  const req = { method, rawHeaders: headers, httpVersion: "1.0", socket } as unknown as IncomingMessage;
  const clock = createManualClock();
  const call = new Call(req, {} as ServerResponse, {} as never, plan as unknown as RoutePlan, "/a", "", 0);
  readHead(call, clock, systemRandom);
  const out: Record<string, string> = {};
  for (let i = 0; i < call.outHeaders.length; i += 2) {
    out[(call.outHeaders[i] as string).toLowerCase()] = call.outHeaders[i + 1] as string;
  }
  return { call, out };
}

const TRACE = "0af7651916cd43dd8448eb211c80319c";

test("a trace is continued under a new parent, also one of a higher version, as the version we speak", () => {
  for (const given of [`00-${TRACE}-b7ad6b7169203331-01`, `cc-${TRACE}-b7ad6b7169203331-01-more`]) {
    const { out } = outgoing(["traceparent", given, "tracestate", "a=1"]);
    expect(out.traceparent).toMatch(new RegExp(`^00-${TRACE}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
    expect(out.tracestate).toBe("a=1");
  }
});

test("what is no trace is replaced by a new one, not sampled, and its state is dropped", () => {
  const zero = "0".repeat(32);
  for (const given of [
    `00-${zero}-b7ad6b7169203331-01`,
    `ff-${TRACE}-b7ad6b7169203331-01`,
    `00-${TRACE}-b7ad6b71-01`,
    "x",
  ]) {
    const { out } = outgoing(["traceparent", given, "tracestate", "a=1"]);
    expect(out.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(out.traceparent).not.toContain(TRACE);
    expect(out.tracestate).toBe(undefined);
  }
});

test("a neighbour on this machine is believed about its own caller, a stranger is not", () => {
  const claims = [
    "Host",
    "a",
    "X-Forwarded-For",
    "10.0.0.1",
    "X-Forwarded-Proto",
    "wss",
    "X-Forwarded-Host",
    "b",
    "Forwarded",
    "for=x",
  ];
  expect(outgoing(claims).out).toMatchObject({
    "x-forwarded-for": "10.0.0.1, 127.0.0.1",
    "x-forwarded-proto": "wss",
    "x-forwarded-host": "b",
    forwarded: "for=x",
  });
  const { out } = outgoing(claims, STRANGER);
  expect(out).toMatchObject({
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "a",
  });
  expect(out.forwarded).toBe(undefined);
  expect(outgoing(["X-Forwarded-For", "10.0.0.1"], { address: "", secure: false }).out["x-forwarded-for"]).toBe(
    "10.0.0.1, unix",
  );
});

test("ids are kept where they are harmless, and Via says the version that came", () => {
  expect(outgoing(["X-Request-ID", "abc-1"]).call.id).toBe("abc-1");
  expect(outgoing(["X-Request-ID", "abc 1"]).call.id).toMatch(/^[0-9a-f-]{36}$/);
  const { call, out } = outgoing(["webhook-id", "msg_1", "Via", "1.1 edge"]);
  expect(call.webhookId).toBe("msg_1");
  expect(out.via).toBe("1.1 edge, 1.0 outrigger");
  expect(outgoing(["X-Request-ID", "x"]).call.webhookId).toBe("x");
});

test("idempotent methods and callers with a key may be repeated, others not", () => {
  expect(outgoing([], LOCAL, "PUT").call.repeatable).toBe(true);
  expect(outgoing([]).call.repeatable).toBe(false);
  expect(outgoing(["Idempotency-Key", "k"]).call.repeatable).toBe(true);
  expect(outgoing(["Idempotency-Key", ""]).call.repeatable).toBe(false);
});
