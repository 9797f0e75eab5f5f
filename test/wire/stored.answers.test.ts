import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OutriggerEvent } from "../../src/core/events.ts";
import { rawExchange, statusOf } from "../help/raw.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";
import { scriptedUpstream } from "./answers.run.ts";
import { ANSWER_VECTORS } from "./answers.ts";
import { findLevel, holdsNoMore, type Level } from "./level.ts";

/** The answers once more, to jobs: nobody waits for them, but what they are worth is kept. */

const manifest = (port: number): string => `
apps:
  wire:
    owner: dev@wire.example
    url: "http://127.0.0.1:${port}"
    webhooks:
      any:
        mode: async
        path: /wire
        match: { path: "/wire/*" }
        retry: { attempts: 1 }
        breaker: { enabled: false }
        response: { status: 200-399 }
`;

describe("an async route", () => {
  let upstream: Awaited<ReturnType<typeof scriptedUpstream>>;
  let sidecar: Sidecar;
  let level: Level;
  const ends: OutriggerEvent[] = [];
  beforeAll(async () => {
    upstream = await scriptedUpstream();
    sidecar = await startSidecar(manifest(upstream.port));
    sidecar.app.bus.on((event) => {
      // The helper keeps every event for tests that ask for past ones: here it would be what grows.
      (sidecar.events as OutriggerEvent[]).length = 0;
      if (event.type === "delivery.delivered" || event.type === "dlq.added") ends.push(event);
    });
    await ended(await put("GET"));
    const { app } = sidecar;
    const held = () => ({ connections: app.connections(), calls: app.inFlight(), bytes: app.heldBytes() });
    level = await findLevel(held, upstream);
  });
  afterAll(async () => {
    await sidecar.stop();
    await upstream.stop();
  });
  const put = async (method: string): Promise<string> => {
    const reply = await rawExchange(sidecar.port, `${method} /wire/x HTTP/1.1\r\nHost: a\r\n\r\n`, {
      responses: 1,
      head: method === "HEAD",
    });
    expect(reply.messages.map(statusOf)).toEqual([202]);
    // An answer to HEAD has no body that would say it.
    const { headers = [] } = reply.messages[0] ?? {};
    const location = headers[headers.findIndex((name) => name.toLowerCase() === "location") + 1] ?? "";
    return location.slice(location.lastIndexOf("/") + 1);
  };
  /** Jobs are one after the other, so that the end of one is the next that there is. */
  const ended = async (id: string): Promise<OutriggerEvent> => {
    while (ends.length === 0) await new Promise(setImmediate);
    const [end] = ends.splice(0);
    expect(end).toMatchObject({ id });
    return end as OutriggerEvent;
  };
  for (const { name, method = "GET", answer, reason, status, connectionLost } of ANSWER_VECTORS) {
    test(`${reason === null ? "has delivered with" : "has failed with"} ${name}`, async () => {
      upstream.answerOnce(answer);
      const end = await ended(await put(method));
      const dead = reason === "invalid_response" ? reason : "attempts_exhausted";
      expect(end).toMatchObject(
        reason === null
          ? { type: "delivery.delivered", status, sends: 1 }
          : { type: "dlq.added", reason: dead, detail: expect.stringMatching(`^${reason}: `), sends: 1 },
      );
      expect(await ended(await put(method))).toMatchObject({ type: "delivery.delivered" });
      const [first, then, ...more] = upstream.sockets();
      expect([then === undefined, more]).toEqual([false, []]);
      if (connectionLost) expect(then).not.toBe(first);
      await level.returned(1);
    });
  }
  test("holds no more memory for all of them", async () => {
    await holdsNoMore(async () => {
      for (const { answer, method = "GET" } of ANSWER_VECTORS) {
        upstream.answerOnce(answer);
        await ended(await put(method));
        await level.returned(1);
      }
    });
  });
});
