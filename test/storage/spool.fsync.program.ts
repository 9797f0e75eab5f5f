import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { openStorage } from "../../src/storage/storage.ts";

/**
 * Puts so many batches of jobs, each when the one before is acknowledged: for who counts what that asks of the system, or
 * lets some of it fail. Prints what became of it.
 */

const [dataDir = "", batches = ""] = process.argv.slice(2);
const BATCH = 20;
const EVER = Number.MAX_SAFE_INTEGER;

let back = Promise.withResolvers<void>();
const storage = await openStorage({ dataDir, clock: systemClock, onEvent: () => {} });
const spool = await storage.openSpool({
  bounds: { maxJobs: EVER, maxBytes: EVER, retainDeliveredMs: EVER, retainDeadMs: EVER, durability: "full" },
  random: systemRandom,
  key: undefined,
  onBack: () => back.resolve(),
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
const found = { refused: 0, error: "", kept: 0 };
for (let batch = 0; batch < Number(batches); ) {
  const receipts = await Promise.allSettled(Array.from({ length: BATCH }, put));
  const refused = receipts.find((receipt) => receipt.status === "rejected");
  if (refused === undefined) {
    if (receipts.some((receipt) => receipt.status === "fulfilled" && receipt.value.kind !== "queued")) {
      throw new Error("a job was not put");
    }
    batch++;
    continue;
  }
  // Once more when the thread is there again.
  found.refused++;
  found.error = String(refused.reason);
  await back.promise;
  back = Promise.withResolvers();
}
const { routes } = await spool.survey();
found.kept = routes.reduce((sum, { first }) => sum + first, 0);
await storage.close();
process.stdout.write(JSON.stringify(found));
