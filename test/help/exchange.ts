import type { Answer, Exchange } from "../../src/core/exchange.ts";
import type { SendPlan } from "../../src/upstream/send.ts";

/** An exchange as the listener would make it; a test names only what it is about. */
export function createExchange(given: Partial<Exchange> = {}): Exchange {
  return {
    route: { app: "quiz", capability: "winner", key: "quiz/winner", mode: "sync" },
    id: "019a0000-0000-7000-8000-000000000000",
    method: "POST",
    rest: "",
    target: "/quiz/winner",
    host: "platform.example",
    headers: [],
    httpVersion: "1.1",
    peer: { address: "127.0.0.1", secure: false },
    lane: "sync",
    sentBefore: 0,
    inDoubt: false,
    trial: false,
    outHeaders: [],
    body: Buffer.alloc(0),
    startedAt: 0,
    deadlineAt: 5000,
    repeatable: false,
    webhookId: "019a0000-0000-7000-8000-000000000000",
    attempts: [],
    maxAttempts: 2,
    tryMs: 5000,
    waitedMs: 0,
    tried: 0,
    heldBytes: 0,
    denied: null,
    retries: [],
    gone: false,
    onGone: null,
    onMove: null,
    ...given,
  };
}

/** A whole good answer of the app. */
export function createAnswer(given: Partial<Answer> = {}): Answer {
  return {
    kind: "answer",
    worth: "ok",
    reason: null,
    status: 200,
    headers: ["Content-Type", "application/json"],
    body: Buffer.from("{}"),
    stream: null,
    retryAfterMs: null,
    upstream: "primary",
    detail: null,
    ...given,
  };
}

/** One try to `/hook`, whatever answer comes. */
export function sendPlan(given: Partial<SendPlan> = {}): SendPlan {
  return {
    path: "/hook",
    preserveHost: false,
    connectTimeoutMs: 1000,
    maxBytes: 1024,
    refuseLarge: false,
    signer: null,
    check: { judge: () => ({ worth: "ok", reason: null, retryAfterMs: null, detail: null }) },
    ...given,
  };
}
