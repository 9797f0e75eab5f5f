import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rawExchange, statusOf } from "../help/raw.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";
import { scriptedUpstream } from "./answers.run.ts";
import { ANSWER_VECTORS } from "./answers.ts";

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
  beforeAll(async () => {
    upstream = await scriptedUpstream();
    sidecar = await startSidecar(manifest(upstream.port));
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
  const ended = (id: string) => {
    const own = (event: { readonly id: string }): boolean => event.id === id;
    return Promise.race([sidecar.event("delivery.delivered", own), sidecar.event("dlq.added", own)]);
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
    });
  }
});
