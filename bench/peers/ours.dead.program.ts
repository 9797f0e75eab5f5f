import { systemClock } from "../../src/core/clock.ts";
import { idText } from "../../src/core/job.id.ts";
import { systemRandom } from "../../src/core/random.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { BODY } from "../lib/target.ts";

/** Fills a spool with dead letters of many routes, through its own driver and as an import would put them. */

const [dataDir = "", apps = "", capabilities = "", count = ""] = process.argv.slice(2);
const BATCH = 2_000;
const DAY_MS = 86_400_000;
/** What ids count from, and how many there may be in a millisecond. */
const IDS = { epochMs: 1_577_836_800_000, perMs: 4096 };
const REASONS = ["attempts_exhausted", "permanent_status", "expired"] as const;

const storage = await openStorage({ dataDir, clock: systemClock, onEvent: () => {} });
const spool = await storage.openSpool({
  // `normal`: a fill that is lost is made again.
  bounds: {
    maxJobs: 1e9,
    maxBytes: 2 ** 40,
    retainDeliveredMs: DAY_MS,
    retainDeadMs: 30 * DAY_MS,
    durability: "normal",
  },
  random: systemRandom,
  key: undefined,
});
const body = Buffer.from(BODY);
const headers = ["Host", "127.0.0.1", "Content-Type", "application/json", "Content-Length", String(body.length)];
const total = Number(count);
const fromMs = systemClock.wall() - DAY_MS;
const stepMs = DAY_MS / total;

/** The `n`th of them, of any route: all over the day before. */
function put(n: number) {
  const at = fromMs + Math.floor(n * stepMs);
  const seq = (at - IDS.epochMs) * IDS.perMs + (n % IDS.perMs);
  const [app, capability] = [
    `app${n % Number(apps)}`,
    `hook${Math.floor(systemRandom.float() * Number(capabilities))}`,
  ];
  return spool.put({
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
    maxAgeMs: DAY_MS,
    orderKey: null,
    key: null,
    origin: "import",
    sends: 3,
    tries: [],
    inDoubt: false,
    at,
    dead: {
      id: idText({ seq, tail: n }),
      reason: REASONS[n % REASONS.length] ?? "expired",
      detail: "the app answered 500",
    },
  });
}

for (let from = 0; from < total; from += BATCH) {
  const size = Math.min(BATCH, total - from);
  const receipts = await Promise.all(Array.from({ length: size }, (_, i) => put(from + i)));
  const refused = receipts.find(({ kind }) => kind !== "queued");
  if (refused !== undefined) throw new Error(`a dead letter was not put: ${refused.kind}`);
}
await storage.close();
