import type { Facts, Words } from "./message.ts";
import { SERVICE_WORDS } from "./words.service.ts";

/** What is said of each event about an app: what happened, what it means, and what to do next. */

type Say = (facts: Facts) => Words;

const BREAKER_CAUSES: Readonly<Record<string, string>> = {
  failures: "too many calls in a row failed",
  failure_rate: "too large a share of calls failed",
  probe_failed: "a trial call failed",
  recovered: "trial calls went well",
  operator: "an operator did it",
  restored: "it was so before the restart",
};

const breakerOpened: Say = ({ text, is, route }) => ({
  title: `${route}: breaker opened on ${text("upstream")}${is("dry_run") ? " (dry run)" : ""}`,
  what: `The circuit breaker of ${route} on ${text("upstream")} opened: ${causeOf(text("cause"), text("by"))}.`,
  meaning: is("dry_run")
    ? "It is a dry run: nothing is refused, calls go on as before."
    : "Calls are not sent there: another upstream or the fallback answers them, and stored deliveries wait.",
  next: `Look why ${text("app")} fails${text("until") === "" ? "" : `; a trial call is due at ${text("until")}`}. Once it is mended, breaker reset closes it at once.`,
  command: ["breaker", "show", text("app"), text("capability")],
  severity: is("dry_run") ? "info" : "critical",
});

const breakerClosed: Say = ({ text, route }) => ({
  title: `${route}: breaker closed on ${text("upstream")}`,
  what: `The circuit breaker of ${route} on ${text("upstream")} closed: ${causeOf(text("cause"), text("by"))}.`,
  meaning: "Calls are sent there again, and deliveries that waited go on.",
  next: "There is nothing to do.",
  command: ["breaker", "show", text("app"), text("capability")],
  severity: "good",
});

function causeOf(cause: string, by: string): string {
  const words = BREAKER_CAUSES[cause] ?? cause;
  return by === "" ? words : `${words} (${by})`;
}

const moved = (type: "failover" | "failback"): Say => {
  const away = type === "failover";
  return ({ text, number }) => {
    const [app, from, to] = [text("app"), text("from") || "nowhere", text("to") || "nowhere"];
    const by = text("by") === "" ? "" : ` by ${text("by")}`;
    const stranded = text("to") === "";
    return {
      title: `${app}: ${type} from ${from} to ${to}`,
      what: `Traffic of ${app} moved from ${from} to ${to} (${text("reason").replaceAll("_", " ")}${by}), ${Math.round(number("duration_ms") ?? 0)} ms after the first sign.`,
      meaning: stranded
        ? "No upstream is left: callers get the fallback until one is well again."
        : away
          ? `${to} answers the calls of ${app} now; what could be repeated was sent there.`
          : `${to} has the traffic of ${app} again.`,
      next: away
        ? `Look at ${from}. Traffic goes back by itself once it has been well for a while.`
        : "There is nothing to do.",
      command: ["failover", "show", app],
      severity: stranded ? "critical" : away ? "warning" : "good",
    };
  };
};

const fallbackUsed: Say = ({ text, number, route }) => {
  const count = number("count") ?? 1;
  const times = count === 1 ? "once" : `${count} times`;
  return {
    title: `${route}: fallback used${count === 1 ? "" : ` ${times}`} (${text("reason")})`,
    what: `The fallback ${text("strategy")} answered for ${route} ${times}, since the app did not: ${text("reason").replaceAll("_", " ")}.`,
    meaning: FALLBACK_MEANS[text("strategy")] ?? "Callers got an answer in time, which was not the app's own.",
    next: `Tell whoever runs the room, where that matters, and look why ${text("app")} did not answer.`,
    command: ["breaker", "show", text("app"), text("capability")],
    severity: "warning",
  };
};

const FALLBACK_MEANS: Readonly<Record<string, string>> = {
  random_pick: "A winner was picked at random in the app's place, and the caller was told so.",
  pending_approval: "The caller was told that approval is pending; the app gets the request later.",
  spool: "The request is kept and is sent to the app later.",
  last_good: "The caller got an earlier good answer.",
  static: "The caller got the fixed answer of the manifest.",
};

const dlqAdded: Say = ({ text, number, route }) => ({
  title: `${route}: a delivery is dead (${text("reason").replaceAll("_", " ")})`,
  what: `Delivery ${text("id")} to ${route} was given up after ${number("sends") === 1 ? "1 try" : `${number("sends") ?? 0} tries`}: ${text("reason").replaceAll("_", " ")}${text("detail") === "" ? "" : ` (${text("detail")})`}.`,
  meaning: "The app has not got it. It is kept whole in the dead-letter queue, and nothing more happens by itself.",
  next: "See why, mend the app, then retry it.",
  command: ["dlq", "show", text("id")],
  severity: "critical",
});

const verificationFailed: Say = ({ text, route }) => ({
  title: `${route}: verification ${text("result") === "failed" ? "failed" : "was not possible"}`,
  what: `${text("upstream")} gave a good answer to ${route}, and ${text("result") === "failed" ? "had not done it" : "it was never learnt whether it did it"}: ${text("detail")}.`,
  meaning:
    text("origin") === "sync"
      ? "The caller has had its answer long since, so nothing is repeated."
      : "The delivery is tried again, or ends in the dead-letter queue.",
  next: `Look at ${text("app")} for request ${text("request_id")}.`,
  command: ["deliveries", "show", text("id")],
  severity: "warning",
});

const upstreamHealth = (up: boolean): Say => {
  return ({ text, number }) => ({
    title: `${text("app")}: ${text("upstream")} is ${up ? "up" : "down"}`,
    what: `${text("upstream")} of ${text("app")} is ${text("status")}${text("detail") === "" ? "" : `: ${text("detail")}`}${up ? "" : ` (${number("consecutive_failures") ?? 0} checks in a row failed)`}.`,
    meaning: up ? "It may have traffic again." : "It gets no traffic while another upstream is usable.",
    next: up ? "There is nothing to do." : "Look at it, and at the network on the way there.",
    command: ["failover", "show", text("app")],
    severity: up ? "good" : "critical",
  });
};

const routeParked: Say = ({ text, route }) => ({
  title: `${route}: deliveries wait (${text("cause").replaceAll("_", " ")})`,
  what: `Deliveries to ${route} are parked: ${text("cause").replaceAll("_", " ")}${text("by") === "" ? "" : ` by ${text("by")}`}.`,
  meaning: "What is accepted for it waits and spends no tries.",
  next:
    text("cause") === "gone"
      ? "The app answered 410 three times in a row: find out whether it still wants them, then resume it."
      : "They go on by themselves once the cause is gone, or when an operator resumes them.",
  command: ["resume", text("app"), ...(text("capability") === "" ? [] : [text("capability")])],
  severity: "warning",
});

const routeResumed: Say = ({ text, route }) => ({
  title: `${route}: deliveries go on`,
  what: `Deliveries to ${route} are no longer parked${text("by") === "" ? "" : ` (${text("by")})`}.`,
  meaning: "What waited is sent now.",
  next: "There is nothing to do.",
  severity: "good",
});

const alert = (firing: boolean): Say => {
  return ({ text, route }) => {
    const about = route === "" ? "" : ` of ${route}`;
    const summary = text("summary");
    return {
      title: `${firing ? "Alert" : "Resolved"}: ${text("rule")}${about}`,
      what: `The alert ${text("rule")}${about} ${firing ? "is firing" : "is resolved"}${summary === "" ? "" : `: ${summary.replace(/\.$/, "")}`}.`,
      meaning: firing ? "A rule of the manifest says that this should not be so." : "It is as it should be again.",
      next: firing ? "Look at the dashboard for how it came." : "There is nothing to do.",
      command: ["status"],
      severity: firing ? "critical" : "good",
    };
  };
};

/** By type of event, or of what is said about notifications themselves. */
export const WORDS: Readonly<Record<string, Say>> = {
  "breaker.opened": breakerOpened,
  "breaker.closed": breakerClosed,
  failover: moved("failover"),
  failback: moved("failback"),
  "fallback.used": fallbackUsed,
  "dlq.added": dlqAdded,
  "verification.failed": verificationFailed,
  "upstream.up": upstreamHealth(true),
  "upstream.down": upstreamHealth(false),
  "route.parked": routeParked,
  "route.resumed": routeResumed,
  "alert.firing": alert(true),
  "alert.resolved": alert(false),
  ...SERVICE_WORDS,
};
