import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import type { NewJob, Receipt } from "../../src/spool/port.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { BODY } from "../lib/target.ts";

/** Fills a spool through its own driver, as both programs do that need one with much in it. */

const BATCH = 2_000;
const DAY_MS = 86_400_000;

const body = Buffer.from(BODY);
const headers = ["Host", "127.0.0.1", "Content-Type", "application/json", "Content-Length", String(body.length)];

/** A job as it would come over HTTP. */
export function jobOf(app: string, capability: string, at: number): NewJob {
  return {
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
    origin: "async",
    sends: 0,
    tries: [],
    inDoubt: false,
    at,
  };
}

/** The storage with nothing in it, and its spool; whoever opens it closes it. */
export async function openToFill(dataDir: string) {
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
  return { storage, put: spool.put };
}

/** Puts the jobs 0 to `total`, thousands of them at once; throws where one is not taken. */
export async function fill(put: (job: NewJob) => Promise<Receipt>, total: number, job: (n: number) => NewJob) {
  for (let from = 0; from < total; from += BATCH) {
    const size = Math.min(BATCH, total - from);
    const receipts = await Promise.all(Array.from({ length: size }, (_, i) => put(job(from + i))));
    const refused = receipts.find(({ kind }) => kind !== "queued");
    if (refused !== undefined) throw new Error(`a job was not put: ${refused.kind}`);
  }
}
