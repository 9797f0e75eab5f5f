import type { Fault } from "../core/fault.ts";
import type { HealthStatus, ProbeReport } from "../core/health.ts";
import type { HealthSettings } from "../core/settings.ts";

/** What an answer, or the want of one, says of an app's health. Pure. */

/** The report without its time. */
export type Verdict = Omit<ProbeReport, "durationMs">;

/** A larger object is judged, but not kept: it would be in every row and page that tells of the app's health. */
const MAX_DETAILS_BYTES = 4 * 1024;

/**
 * What apps call themselves in the `status` of their health JSON: our own words, and those of
 * draft-inadarei-api-health-check-06 section 3.1 (expired, but what most have): pass, warn and fail, with the aliases
 * it names (ok and error of Node's Terminus, up and down of Spring Boot).
 */
const WORDS: Readonly<Record<string, HealthStatus>> = {
  healthy: "healthy",
  pass: "healthy",
  ok: "healthy",
  up: "healthy",
  degraded: "degraded",
  warn: "degraded",
  unhealthy: "unhealthy",
  fail: "unhealthy",
  down: "unhealthy",
  error: "unhealthy",
};

/**
 * Judges by the head alone: `healthy` means that the body may still say otherwise. A status outside `expect` is
 * unhealthy. 429 is not: somebody is there and well enough to count. Nor is the want of a path that nobody named.
 */
export function judgeHead(health: HealthSettings, httpStatus: number): Verdict {
  if (health.expect.some(({ from, to }) => httpStatus >= from && httpStatus <= to)) {
    return verdict("healthy", httpStatus, null);
  }
  if (httpStatus === 429) return verdict("unknown", httpStatus, "429: too many requests, so this one tells nothing");
  if (!health.pathNamed && (httpStatus === 404 || httpStatus === 405 || httpStatus === 501)) {
    return verdict("unknown", httpStatus, `${httpStatus}: the app has no ${health.path}; health.path can name another`);
  }
  return verdict("unhealthy", httpStatus, `the status ${httpStatus} is not in health.expect`);
}

/** Judges a whole answer, `body` being all of it. JSON without a word that we know says nothing. */
export function judgeAnswer(health: HealthSettings, httpStatus: number, body: Buffer): Verdict {
  const byHead = judgeHead(health, httpStatus);
  const json = readObject(body);
  if (json === null) return byHead;
  const details = body.length <= MAX_DETAILS_BYTES ? json : null;
  const word = typeof json.status === "string" ? json.status.toLowerCase() : "";
  const status = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  if (byHead.status !== "healthy" || status === undefined || status === "healthy") return { ...byHead, details };
  return { ...verdict(status, httpStatus, `the app says that its status is "${word}"`), details };
}

/** Judges a fault. `httpStatus`: of the head that had come, 0 for none; `answered`: at least a status line had. */
export function judgeFault(fault: Fault, httpStatus: number, answered: boolean): Verdict {
  const { reason, proxyError, detail } = fault;
  return { status: "unhealthy", answered, httpStatus, reason, proxyError, detail, details: null };
}

/** Of a probe that was given up before it found anything. */
export const GIVEN_UP: Verdict = {
  status: "unknown",
  answered: false,
  httpStatus: 0,
  reason: null,
  proxyError: null,
  detail: "the probe was given up",
  details: null,
};

function verdict(status: HealthStatus, httpStatus: number, detail: string | null): Verdict {
  const reason = status === "healthy" ? null : "status";
  return { status, answered: true, httpStatus, reason, proxyError: null, detail, details: null };
}

const decoder = new TextDecoder();

function readObject(body: Buffer): Record<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(decoder.decode(body));
    return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
