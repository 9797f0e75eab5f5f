import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLineWriter } from "../../src/observe/log.writer.ts";

test("lines arrive in order, written by themselves", async () => {
  const folder = mkdtempSync(join(tmpdir(), "outrigger-lines-"));
  const fd = openSync(join(folder, "lines"), "a");
  onTestFinished(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  const writer = createLineWriter(fd);
  const lines = Array.from({ length: 500 }, (_, i) => `line ${i} ünïcode\n`);
  for (const line of lines) writer.write(line);
  await expect.poll(() => readFileSync(join(folder, "lines"), "utf8")).toBe(lines.join(""));
  expect(writer.takeDropped()).toBe(0);
});

test("a full disk drops lines and counts them, at once and at a flush", async () => {
  const fd = openSync("/dev/full", "w");
  onTestFinished(() => closeSync(fd));
  const writer = createLineWriter(fd);
  writer.write("0123456789");
  await expect.poll(() => writer.takeDropped()).toBe(10);
  writer.write("01234");
  writer.write("56789");
  writer.flush();
  await expect.poll(() => writer.takeDropped()).toBeGreaterThan(0);
});

test("a reader that does not read holds up nobody: lines wait up to a bound, and arrive once it reads", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [socket] = (await once(server, "connection")) as [Socket];
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  client.pause();
  const writer = createLineWriter((socket as unknown as { _handle: { fd: number } })._handle.fd);
  const line = `${"x".repeat(1023)}\n`;
  for (let i = 0; i < 20_000; i++) writer.write(line);
  const dropped = writer.takeDropped();
  expect(dropped).toBeGreaterThan(0);
  let received = 0;
  client.on("data", (chunk) => {
    received += chunk.length;
  });
  client.resume();
  await expect.poll(() => received, { timeout: 10_000 }).toBe(20_000 * 1024 - dropped);
});
