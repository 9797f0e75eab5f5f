import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { openStorage } from "../../src/storage/storage.ts";

/** Puts so many batches of jobs, each when the one before is acknowledged: for who counts what that asks of the system. */

const [dataDir = "", batches = ""] = process.argv.slice(2);
const BATCH = 20;
const EVER = Number.MAX_SAFE_INTEGER;

const storage = await openStorage({ dataDir, clock: systemClock, onEvent: () => {} });
const spool = await storage.openSpool({
  bounds: { maxJobs: EVER, maxBytes: EVER, retainDeliveredMs: EVER, retainDeadMs: EVER, durability: "full" },
  random: systemRandom,
  key: undefined,
});
const put = () =>
  spool.put({
    app: "quiz",
    capability: "winner",
    requestId: null,
    request: {
      method: "POST",
      rest: "",
      target: "/quiz/winner",
      host: "sidecar.example",
      httpVersion: "1.1",
      peer: "10.0.0.7",
      secure: false,
      headers: [],
    },
    body: Buffer.alloc(1_000, "x"),
    maxAgeMs: 86_400_000,
    orderKey: null,
    key: null,
    origin: "async",
    sends: 0,
    tries: [],
    inDoubt: false,
    at: systemClock.wall(),
  });
for (let batch = 0; batch < Number(batches); batch++) {
  const receipts = await Promise.all(Array.from({ length: BATCH }, put));
  if (receipts.some(({ kind }) => kind !== "queued")) throw new Error("a job was not put");
}
await storage.close();
