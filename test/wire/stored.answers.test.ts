import { describe, expect, test } from "vitest";
import { rawExchange, recordingUpstream, statusOf } from "../help/raw.ts";
import { startSidecar } from "../help/sidecar.ts";
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
        response: { status: 200-399 }
`;

const WELL = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";

describe("an async route", () => {
  for (const { name, method = "GET", answer, reason, status, connectionLost } of ANSWER_VECTORS) {
    // undici takes a 100 that nobody asked for as a bad response.
    const run = name === "100 before the answer" ? test.fails : test;
    run(`${reason === null ? "has delivered with" : "has failed with"} ${name}`, async () => {
      const upstream = await recordingUpstream(({ line }, _socket, n) => {
        if (n === 0) return answer;
        return { bytes: line.startsWith("HEAD") ? WELL : `${WELL}well` };
      });
      const sidecar = await startSidecar(manifest(upstream.port));
      try {
        const put = async (): Promise<void> => {
          const reply = await rawExchange(sidecar.port, `${method} /wire/x HTTP/1.1\r\nHost: a\r\n\r\n`, {
            responses: 1,
            head: method === "HEAD",
          });
          expect(reply.messages.map(statusOf)).toEqual([202]);
        };
        await put();
        const ended = await Promise.race([sidecar.event("delivery.delivered"), sidecar.event("dlq.added")]);
        const dead = reason === "invalid_response" ? reason : "attempts_exhausted";
        expect(ended).toMatchObject(
          reason === null
            ? { type: "delivery.delivered", status, sends: 1 }
            : { type: "dlq.added", reason: dead, detail: expect.stringMatching(`^${reason}: `), sends: 1 },
        );
        await put();
        await sidecar.event("delivery.delivered", ({ id }) => id !== ended.id);
        expect(upstream.requests()).toHaveLength(2);
        if (connectionLost) expect(upstream.connections()).toBe(2);
      } finally {
        await sidecar.stop();
        await upstream.stop();
      }
    });
  }
});
