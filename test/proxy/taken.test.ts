import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { takenBy } from "../../src/proxy/taken.ts";
import { createCertificate } from "../help/certificate.ts";

const MIB = 1024 * 1024;
const BYTES = 32 * MIB;

/** A connection of this kind, both of its ends. */
async function pairOf(kind: "TCP" | "TLS" | "a unix socket"): Promise<{ ours: Socket; theirs: Socket }> {
  const folder = mkdtempSync(join(tmpdir(), "outrigger-taken-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "socket");
  const server: Server = kind === "TLS" ? createTlsServer(createCertificate("wire.example")) : createServer();
  const accepted = once(server, kind === "TLS" ? "secureConnection" : "connection");
  server.listen(kind === "a unix socket" ? { path } : { host: "127.0.0.1", port: 0 });
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const at = kind === "a unix socket" ? { path } : { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
  const theirs = kind === "TLS" ? connectTls({ ...at, rejectUnauthorized: false }) : connect(at);
  const [ours] = (await accepted) as [Socket];
  for (const socket of [ours, theirs]) {
    socket.on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
  }
  return { ours, theirs };
}

/** What it stands at once it has stood still for some turns of the loop. */
async function rest(count: () => number): Promise<number> {
  for (let last = count(), still = 0; still < 500; ) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = count();
    still = now === last ? still + 1 : 0;
    last = now;
  }
  return count();
}

test.each(["TCP", "TLS", "a unix socket"] as const)(
  "what is taken grows as the other side of %s reads",
  async (kind) => {
    const { ours, theirs } = await pairOf(kind);
    let drained = false;
    ours.on("drain", () => {
      drained = true;
    });
    let read = 0;
    const readTo = async (bytes: number): Promise<void> => {
      theirs.resume();
      while (read < bytes) await new Promise((resolve) => setImmediate(resolve));
      theirs.pause();
    };
    theirs.on("data", ({ length }) => {
      read += length;
      theirs.pause();
      setImmediate(() => theirs.resume());
    });
    theirs.pause();
    ours.write(Buffer.alloc(BYTES));
    const before = await rest(() => takenBy(ours));
    expect(before).toBeLessThan(BYTES);
    await readTo(BYTES / 2);
    const between = takenBy(ours);
    expect(drained).toBe(false);
    expect(between).toBeGreaterThan(before);
    expect(between).toBeGreaterThanOrEqual(BYTES / 2);
    await readTo(BYTES);
    // TLS adds to each of its records.
    expect(takenBy(ours)).toBeGreaterThanOrEqual(BYTES);
    expect(takenBy(ours)).toBeLessThan(BYTES * 1.01);
  },
);

test("of a connection that is gone nothing is taken", async () => {
  const { ours } = await pairOf("TCP");
  ours.destroy();
  expect(takenBy(ours)).toBe(0);
});
