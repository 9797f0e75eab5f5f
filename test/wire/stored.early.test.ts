import type { Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type Peer, startPeer } from "../help/peers.ts";
import { type RawReply, rawExchange, recordingUpstream, statusOf, values } from "../help/raw.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";
import { head } from "./wire.ts";

/** `early.test.ts` for jobs: nobody waits for the answer, so what became of the job says which one was taken for it. */

/** More than any kernel takes from us for an app that does not read. */
const LARGE = 32 * 1024 * 1024;
const TOKEN = "a-token-of-the-test";
const ROOT = `
limits: { body: 64MiB }
admin: { tokens: [{ name: ops, role: operator, token: ${TOKEN} }] }
`;

async function startStored(apps: Record<string, number>): Promise<Sidecar> {
  const route = (name: string): string =>
    `{ mode: async, path: /${name}, match: { path: "/${name}" }, body_limit: 64MiB, retry: { attempts: 1 } }`;
  const app = ([name, port]: [string, number]): string =>
    `${name}: { owner: a@b.example, url: "http://127.0.0.1:${port}", webhooks: { w: ${route(name)} } }`;
  const sidecar = await startSidecar(`${ROOT}apps: { ${Object.entries(apps).map(app).join(", ")} }\n`);
  onTestFinished(() => sidecar.stop());
  return sidecar;
}

/** How the job of this request ended. */
async function endOf(sidecar: Sidecar, request: string | Buffer) {
  const reply: RawReply = await rawExchange(sidecar.port, request, { responses: 1 });
  expect(reply.messages.map(statusOf)).toEqual([202]);
  const [first] = reply.messages;
  const [wanted] = first === undefined ? [] : values(first, "x-request-id");
  return Promise.race([
    sidecar.event("delivery.delivered", ({ id }) => id === wanted),
    sidecar.event("dlq.added", ({ id }) => id === wanted),
  ]);
}

/** The last try's answer, as operators are shown it. */
async function keptAnswer(sidecar: Sidecar, id: string) {
  const response = await fetch(`${sidecar.adminUrl}/api/v1/admin/deliveries/${id}`, {
    headers: { Authorization: `Bearer ${TOKEN}` },
  });
  const { tries } = (await response.json()) as { tries: { headers: unknown; body: string; body_encoding: string }[] };
  return tries.at(-1);
}

test("an answer before the request was sent is the answer, and its connection not used again", async () => {
  const sockets: Socket[] = [];
  const app: Peer = await startPeer((socket) => {
    sockets.push(socket);
    socket.once("data", () => {
      // What comes after the head stays unread.
      socket.pause();
      socket.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nearly");
    });
  });
  onTestFinished(() => app.stop());
  const sidecar = await startStored({ one: app.port });
  const large = Buffer.concat([
    Buffer.from(head("POST", "/one", `Content-Length: ${LARGE}`), "latin1"),
    Buffer.alloc(LARGE),
  ]);
  const end = await endOf(sidecar, large);
  expect(end).toMatchObject({ type: "dlq.added", reason: "permanent_status", sends: 1 });
  expect(await keptAnswer(sidecar, end.id)).toMatchObject({ status: 413, body: "early" });
  expect(await endOf(sidecar, head("POST", "/one", "Content-Length: 0"))).toMatchObject({ type: "dlq.added" });
  expect(sockets).toHaveLength(2);
});

test("an answer that nobody asked for is no job's, of this app or another", async () => {
  const sockets: Socket[] = [];
  const upstream = await recordingUpstream((_request, socket) => {
    sockets.push(socket);
    return { bytes: "HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nmine" };
  });
  onTestFinished(() => upstream.stop());
  const sidecar = await startStored({ one: upstream.port, two: upstream.port });
  const job = (name: string) => endOf(sidecar, head("POST", `/${name}`, "Content-Length: 0"));
  const mine = { type: "delivery.delivered", status: 201, sends: 1 };
  expect(await job("one")).toMatchObject(mine);
  const [first] = sockets;
  const gone = new Promise((resolve) => first?.once("close", resolve));
  first?.write("HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 4\r\n\r\nevil");
  // The other app has connections of its own, though its address is the same.
  expect(await job("two")).toMatchObject(mine);
  expect(sockets[1]).not.toBe(first);
  await gone;
  expect(await job("one")).toMatchObject(mine);
  expect(sockets[2]).not.toBe(first);
});

test("what is compressed is stored, sent and kept as it is", async () => {
  const bytes = Buffer.from("1f8b080000000000000003cb4bcc4d05008c0f29a304000000", "hex");
  const upstream = await recordingUpstream(() => ({
    bytes: Buffer.concat([
      Buffer.from(
        `HTTP/1.1 422 Unprocessable Content\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n\r\n`,
      ),
      bytes,
    ]),
  }));
  onTestFinished(() => upstream.stop());
  const sidecar = await startStored({ one: upstream.port });
  const fields = ["Content-Encoding: gzip", "Accept-Encoding: gzip", `Content-Length: ${bytes.length}`];
  const end = await endOf(sidecar, Buffer.concat([Buffer.from(head("POST", "/one", ...fields), "latin1"), bytes]));
  const [request] = upstream.requests();
  expect(request?.body).toEqual(bytes);
  expect(request && values(request, "content-encoding")).toEqual(["gzip"]);
  expect(await keptAnswer(sidecar, end.id)).toMatchObject({
    headers: [{ name: "Content-Encoding", value: "gzip" }],
    body: bytes.toString("base64"),
    body_encoding: "base64",
    body_bytes: bytes.length,
  });
});
