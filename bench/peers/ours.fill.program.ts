import { systemClock } from "../../src/core/clock.ts";
import { fill, jobOf, openToFill } from "./ours.fill.ts";

/** Fills a spool with jobs that wait, as they would come over HTTP, and pauses their app. */

const [dataDir = "", app = "", capability = "", count = ""] = process.argv.slice(2);

const { storage, put } = await openToFill(dataDir);
await fill(put, Number(count), () => jobOf(app, capability, systemClock.wall()));
await storage.history.savePause({ app, capability: null, cause: "paused", by: "bench", at: systemClock.wall() });
await storage.close();
