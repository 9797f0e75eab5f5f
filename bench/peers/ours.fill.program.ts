import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { BODY } from "../lib/target.ts";

/** Fills a spool with jobs that wait, through its own driver and as they would come over HTTP, and pauses their app. */

const [dataDir = "", app = "", capability = "", count = ""] = process.argv.slice(2);
const BATCH = 2_000;

const storage = await openStorage({ dataDir, clock: systemClock, onEvent: () => {} });
const spool = await storage.openSpool({
  // `normal`: a fill that is lost is made again.
  bounds: {
    maxJobs: 1e9,
    maxBytes: 2 ** 40,
    retainDeliveredMs: 86_400_000,
    retainDeadMs: 86_400_000,
    durability: "normal",
  },
  random: systemRandom,
  key: undefined,
});
const body = Buffer.from(BODY);
const headers = ["Host", "127.0.0.1", "Content-Type", "application/json", "Content-Length", String(body.length)];
const put = () =>
  spool.put({
    app,
    capability,
    requestId: null,
    request: {
      method: "POST",
      rest: "",
      target: `/${app}/${capability}`,
      host: "127.0.0.1",
      httpVersion: "1.1",
      peer: "127.0.0.1",
      secure: false,
      headers,
    },
    body,
    maxAgeMs: 86_400_000,
    orderKey: null,
    key: null,
    origin: "async",
    sends: 0,
    tries: [],
    inDoubt: false,
    at: systemClock.wall(),
  });
for (let left = Number(count); left > 0; left -= BATCH) {
  const receipts = await Promise.all(Array.from({ length: Math.min(BATCH, left) }, put));
  const refused = receipts.find(({ kind }) => kind !== "queued");
  if (refused !== undefined) throw new Error(`a job was not put: ${refused.kind}`);
}
await storage.history.savePause({ app, capability: null, cause: "paused", by: "bench", at: systemClock.wall() });
await storage.close();
