import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { startPeer } from "../help/peers.ts";
import { rawExchange, recordingUpstream, statusOf } from "../help/raw.ts";
import { startSidecar } from "../help/sidecar.ts";
import { caller, HELD_MODES, head, startWire } from "./wire.ts";

/** Answers that come before they should, or to nobody. */

/** More than any kernel takes from us for an app that does not read. */
const LARGE = 32 * 1024 * 1024;
const EARLY = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nearly";

test.each(HELD_MODES)(
  "%s: an answer before the request was sent is relayed, and its connection not used again",
  async (mode) => {
    const sockets: Socket[] = [];
    const app = await startPeer((socket) => {
      sockets.push(socket);
      socket.once("data", () => {
        // What comes after the head stays unread.
        socket.pause();
        socket.write(EARLY);
      });
    });
    const route = `{ mode: ${mode}, path: /x, match: { path: "/x" }, body_limit: 64MiB, retry: { attempts: 1 } }`;
    const sidecar = await startSidecar(
      `limits: { body: 64MiB }\napps: { a: { owner: a@b.example, url: "http://127.0.0.1:${app.port}", webhooks: { w: ${route} } } }\n`,
    );
    try {
      const me = caller(sidecar.port, head("POST", "/x", `Content-Length: ${LARGE}`));
      me.socket.write(Buffer.alloc(LARGE));
      const heard = await me.until("early");
      expect(heard).toMatch(/^HTTP\/1\.1 413 /);
      // Where bodies stream, nobody reads what is left of this one: the caller must not send another request behind it.
      expect(/^connection: (.*)\r$/im.exec(heard)?.[1]).toBe(mode === "passthrough" ? "close" : "keep-alive");
      const second = await rawExchange(sidecar.port, head("GET", "/x"), { responses: 1 });
      expect(second.messages.map(statusOf)).toEqual([413]);
      expect(sockets).toHaveLength(2);
    } finally {
      await sidecar.stop();
      await app.stop();
    }
  },
);

test.each(HELD_MODES)("%s: an answer that nobody asked for reaches nobody, of this app or another", async (mode) => {
  const sockets: Socket[] = [];
  const upstream = await recordingUpstream((_request, socket) => {
    sockets.push(socket);
    return { bytes: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine" };
  });
  const app = (name: string): string =>
    `${name}: { owner: a@b.example, url: "${upstream.url}", webhooks: { w: { mode: ${mode}, path: /${name}, match: { path: "/${name}" } } } }`;
  const sidecar = await startSidecar(`apps: { ${app("one")}, ${app("two")} }\n`);
  try {
    const ask = async (name: string): Promise<string[]> => {
      const reply = await rawExchange(sidecar.port, head("GET", `/${name}`), { responses: 1 });
      return reply.messages.map(({ body }) => body.toString());
    };
    expect(await ask("one")).toEqual(["mine"]);
    const [first] = sockets;
    const gone = new Promise((resolve) => first?.once("close", resolve));
    first?.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    // The other app has connections of its own, though its address is the same.
    expect(await ask("two")).toEqual(["mine"]);
    expect(sockets[1]).not.toBe(first);
    await gone;
    expect(await ask("one")).toEqual(["mine"]);
  } finally {
    await sidecar.stop();
    await upstream.stop();
  }
});

test.each(HELD_MODES)("%s: what an app compressed is passed on as it is", async (mode) => {
  const bytes = Buffer.from("1f8b080000000000000003cb4bcc4d05008c0f29a304000000", "hex").toString("latin1");
  const { port } = await startWire({
    answer: () => ({
      bytes: Buffer.from(
        `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n\r\n${bytes}`,
        "latin1",
      ),
    }),
  });
  const reply = await rawExchange(port, head("GET", `/${mode}/x`, "Accept-Encoding: gzip"), { responses: 1 });
  expect(reply.messages.map(({ body }) => body.toString("latin1"))).toEqual([bytes]);
});

test("a body that ends with its connection may be cut where no one can tell, but not where a format would", async () => {
  const upstream = await recordingUpstream(() => ({
    bytes: 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"success":true,"da',
    end: "close",
  }));
  const routes =
    "{ raw: { path: /raw }, strict: { path: /strict, response: { format: envelope }, retry: { attempts: 1 } } }";
  const sidecar = await startSidecar(
    `apps: { a: { owner: a@b.example, url: "${upstream.url}", webhooks: ${routes} } }\n`,
  );
  try {
    const ask = async (name: string): Promise<number[]> =>
      (await rawExchange(sidecar.port, head("POST", `/a/${name}`, "Content-Length: 0"), { responses: 1 })).messages.map(
        statusOf,
      );
    expect(await ask("raw")).toEqual([200]);
    expect(await ask("strict")).toEqual([502]);
    expect(upstream.connections()).toBe(2);
  } finally {
    await sidecar.stop();
    await upstream.stop();
  }
});
