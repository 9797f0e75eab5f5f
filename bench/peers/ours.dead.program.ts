import { systemClock } from "../../src/core/clock.ts";
import { idText } from "../../src/core/job.id.ts";
import { systemRandom } from "../../src/core/random.ts";
import { fill, jobOf, openToFill } from "./ours.fill.ts";

/** Fills a spool with dead letters of many routes, as an import would put them. */

const [dataDir = "", apps = "", capabilities = "", count = ""] = process.argv.slice(2);
const DAY_MS = 86_400_000;
/** What ids count from, and how many there may be in a millisecond. */
const IDS = { epochMs: 1_577_836_800_000, perMs: 4096 };
const REASONS = ["attempts_exhausted", "permanent_status", "expired"] as const;

const { storage, put } = await openToFill(dataDir);
const total = Number(count);
const fromMs = systemClock.wall() - DAY_MS;
const stepMs = DAY_MS / total;

// Of any route, all over the day before.
await fill(put, total, (n) => {
  const at = fromMs + Math.floor(n * stepMs);
  const seq = (at - IDS.epochMs) * IDS.perMs + (n % IDS.perMs);
  const capability = `hook${Math.floor(systemRandom.float() * Number(capabilities))}`;
  return {
    ...jobOf(`app${n % Number(apps)}`, capability, at),
    origin: "import",
    sends: 3,
    dead: {
      id: idText({ seq, tail: n }),
      reason: REASONS[n % REASONS.length] ?? "expired",
      detail: "the app answered 500",
    },
  };
});
await storage.close();
