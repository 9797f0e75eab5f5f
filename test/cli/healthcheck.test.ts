import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { healthcheckCommand } from "../../src/cli/healthcheck.ts";
import { runCli } from "../../src/cli/program.ts";
import { startAdmin } from "../help/admin.ts";
import { createIo } from "../help/io.ts";

async function run(...args: string[]) {
  const io = createIo();
  const code = await runCli(["healthcheck", ...args], io, [healthcheckCommand]);
  return { code, out: io.out(), err: io.err() };
}

test("a sidecar that answers is well, without a token and without a word", async () => {
  const admin = await startAdmin();
  expect(await run("--admin", admin.url)).toEqual({ code: 0, out: "", err: "" });
});

test("one that lives and is not ready is well, unless it is asked whether it is ready", async () => {
  const admin = await startAdmin({ ready: () => ({ ready: false, reasons: ["the process is stopping"] }) });
  expect((await run("--admin", admin.url)).code).toBe(0);
  const asked = await run("--ready", "--admin", admin.url);
  expect(asked).toMatchObject({ code: 1, out: "" });
  expect(asked.err).toContain("/readyz answers 503");
  expect(asked.err).toContain("the process is stopping");
});

test("where nothing listens, it says where it asked and why that failed", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const { port } = server.address() as { readonly port: number };
  await new Promise((closed) => server.close(closed));
  const asked = await run("--admin", `http://127.0.0.1:${port}`);
  expect(asked).toEqual({ code: 1, out: "", err: `http://127.0.0.1:${port} does not answer: ECONNREFUSED\n` });
});

test("one that takes the connection and says nothing is not well", async () => {
  const server = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((listening) => server.once("listening", listening));
  const { port } = server.address() as { readonly port: number };
  expect((await run("--admin", `http://127.0.0.1:${port}`)).err).toMatch(/does not answer: UND_ERR_SOCKET/);
});
