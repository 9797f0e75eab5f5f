import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PassthroughHost, startPassthrough } from "../help/passthrough.ts";
import { type RecordingUpstream, rawExchange, recordingUpstream, statusOf, values } from "../help/raw.ts";
import { REQUEST_VECTORS } from "./vectors.ts";

/** What nobody thought of: vectors, cut, spliced and with bytes changed. */

let upstream: RecordingUpstream;
let host: PassthroughHost;
beforeAll(async () => {
  upstream = await recordingUpstream();
  host = await startPassthrough(upstream.port);
});
afterAll(async () => {
  await host.stop();
  await upstream.stop();
});

const short = REQUEST_VECTORS.map(({ bytes }) => bytes).filter((bytes) => bytes.length < 2_000);
const change = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.constantFrom(0, 0, 1, 2),
  insert: fc.constantFrom(
    "",
    "\r",
    "\n",
    "\r\n",
    "\0",
    " ",
    "\t",
    ",",
    ":",
    "0",
    "\x7f",
    "\xff",
    "_",
    "chunked",
    "Host: b\r\n",
  ),
});
const mutant = fc
  .tuple(fc.constantFrom(...short), fc.array(change, { minLength: 1, maxLength: 3 }), fc.constantFrom("", ...short))
  .map(([first, changes, second]) =>
    changes.reduce((text, { at, remove, insert }) => {
      const i = Math.floor(at * text.length);
      return text.slice(0, i) + insert + text.slice(i + remove);
    }, first + second),
  );

test("whatever comes: each request of the upstream is whole and unambiguous, and the next caller is served", async () => {
  await fc.assert(
    fc.asyncProperty(mutant, async (bytes) => {
      upstream.forget();
      const reply = await rawExchange(host.port, bytes, { patienceMs: 25 });
      for (const message of reply.messages) {
        expect([100, 200, 400, 405, 413, 417, 431, 502]).toContain(statusOf(message));
      }
      // The recorder itself throws on a message that frames itself in two ways.
      for (const request of upstream.requests()) {
        expect(request.line).toMatch(/^[A-Z-]+ \/[\x21-\x7e]* HTTP\/1\.1$/);
        expect(values(request, "host")).toEqual([`127.0.0.1:${upstream.port}`]);
        for (const name of ["te", "trailer", "upgrade", "expect", "keep-alive"]) {
          if (values(request, "upgrade").join() !== "websocket") expect(values(request, name)).toEqual([]);
        }
      }
      const next = await rawExchange(host.port, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n", { responses: 1 });
      expect(next.messages.map(statusOf)).toEqual([200]);
    }),
    { numRuns: 300 },
  );
});
