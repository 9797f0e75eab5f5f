import type { Facts, Words } from "./message.ts";

/** What is said of events about the sidecar itself, and of what is no event: a test, and what was held back. */

type Say = (facts: Facts) => Words;

const SHOWN_PROBLEMS = 5;

const manifestRejected: Say = ({ text, list }) => {
  const problems = list("problems");
  const more = problems.length - SHOWN_PROBLEMS;
  return {
    title: "A manifest was rejected",
    what: `A new manifest (${text("by")}) was refused: ${problems.slice(0, SHOWN_PROBLEMS).join("; ")}${more > 0 ? `; and ${more} more` : ""}.`,
    meaning: "Nothing has changed: the manifest before goes on, also for what the new one was to mend.",
    next: "Mend what is named; the file is read again when it changes.",
    command: ["check"],
    severity: "critical",
  };
};

const manifestApplied: Say = ({ text }) => ({
  title: `Manifest ${text("revision")} is in force`,
  what: `Revision ${text("revision")} of the manifest was applied (${text("by")}).`,
  meaning: "New requests follow it; those under way end under the one before.",
  next: "There is nothing to do.",
  command: ["routes"],
  severity: "info",
});

const spoolFull: Say = ({ text, number }) => {
  const level = text("level");
  const full = level === "full";
  return {
    title: full ? "The spool is full" : level === "room again" ? "The spool has room again" : "The spool is 80 % full",
    what: `The spool holds ${number("jobs") ?? 0} of ${number("max_jobs") ?? 0} jobs and ${number("bytes") ?? 0} of ${number("max_bytes") ?? 0} bytes, ${number("dead") ?? 0} of them dead letters.`,
    meaning: full
      ? "Asynchronous calls are refused with 503 until there is room. What was accepted is safe."
      : level === "room again"
        ? "Asynchronous calls are accepted again."
        : "Once it is full, asynchronous calls are refused with 503.",
    next:
      level === "room again"
        ? "There is nothing to do."
        : "Find the app whose deliveries wait, or raise spool.max_jobs and spool.max_bytes.",
    command: ["status"],
    severity: full ? "critical" : level === "room again" ? "good" : "warning",
  };
};

const storageFailing: Say = ({ text }) => ({
  title: `Storage is failing: ${text("store")}`,
  what: `The store ${text("store")} can't be written or read: ${text("detail")}.`,
  meaning:
    "Synchronous calls go on; asynchronous ones are refused while it lasts. What was accepted is not lost by this.",
  next: "Look at the disk of the data directory: its room, its health and its permissions.",
  command: ["status"],
  severity: "critical",
});

const redis = (back: boolean): Say => {
  return ({ text }) => ({
    title: back ? "Redis is back" : "Redis is away",
    what: `Redis ${back ? "answers again" : "does not answer"}${text("detail") === "" ? "" : `: ${text("detail")}`}.`,
    meaning: back
      ? "State is shared between replicas again."
      : "Each replica goes on with its own state. Asynchronous calls are refused with 503 if the spool is in it, no others.",
    next: back ? "There is nothing to do." : "Look at Redis and at the network on the way there.",
    command: ["status"],
    severity: back ? "good" : "critical",
  });
};

const heldBack: Say = ({ number, list }) => ({
  title: `And ${number("count") ?? 0} more`,
  what: `${number("count") ?? 0} more notifications came within a minute and are told as this one: ${list("about").join(", ")}.`,
  meaning: "Nothing is lost but the words: events, log and dashboard have each of them.",
  next: "See them in the list of notifications.",
  command: ["notifications", "list"],
  severity: "warning",
});

const test: Say = ({ text }) => ({
  title: "A test of this channel",
  what: `${text("by") || "Somebody"} asked for a test message.`,
  meaning: "Notifications reach you here.",
  next: "There is nothing to do.",
  severity: "info",
});

export const SERVICE_WORDS: Readonly<Record<string, Say>> = {
  "manifest.rejected": manifestRejected,
  "manifest.applied": manifestApplied,
  "spool.full": spoolFull,
  "storage.failing": storageFailing,
  "redis.lost": redis(false),
  "redis.back": redis(true),
  "notifications.held_back": heldBack,
  "notifications.test": test,
};
