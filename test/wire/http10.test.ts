import { expect, test } from "vitest";
import { rawExchange, statusOf, values } from "../help/raw.ts";
import { caller, HELD_MODES, startWire } from "./wire.ts";

/** Callers of HTTP/1.0, who know no chunks (RFC 9112 section 6.1). */

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
const LARGE = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n${"x".repeat(0x2000)}\r\n0\r\n\r\n`;

test.each(HELD_MODES)("%s: get none, whatever the app sends, and see the end of the body", async (mode) => {
  const { port } = await startWire({
    app: "response: { max: 4KiB }",
    answer: ({ line }) => ({ bytes: line.includes("/large ") ? LARGE : CHUNKED }),
  });
  for (const [target, body] of [
    ["x", "ok"],
    ["large", "x".repeat(0x2000)],
  ] as const) {
    for (const fields of ["", "Connection: keep-alive\r\n"]) {
      const reply = await rawExchange(port, `GET /${mode}/${target} HTTP/1.0\r\nHost: wire.example\r\n${fields}\r\n`, {
        responses: 1,
      });
      const text = reply.bytes.toString("latin1");
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
      expect(text.toLowerCase()).not.toContain("transfer-encoding");
      expect(text.slice(text.indexOf("\r\n\r\n") + 4)).toBe(body);
      const [whole] = reply.messages;
      // Without a length only the end of the connection says that it was whole.
      if (whole === undefined) expect(reply.closed).toBe(true);
      else expect([statusOf(whole), values(whole, "content-length")]).toEqual([200, [String(body.length)]]);
    }
  }
});

test.each(HELD_MODES)("%s: an answer that was cut short does not look whole to them", async (mode) => {
  const { port } = await startWire({
    app: "response: { max: 4KiB }",
    answer: () => ({ bytes: LARGE.slice(0, -100), end: "close" }),
  });
  const { socket } = caller(port, `GET /${mode}/x HTTP/1.0\r\nHost: wire.example\r\n\r\n`);
  // Its body has no other end than that of the connection.
  const broken = new Promise((resolve) => socket.once("error", resolve).once("end", resolve));
  expect(await broken).toMatchObject({ code: "ECONNRESET" });
});
