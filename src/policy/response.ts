import type { Clock } from "../core/clock.ts";
import type { Exchange, Worth } from "../core/exchange.ts";
import { headerValue, isSecretName, type RawHeaders } from "../core/headers.ts";
import type { Reason } from "../core/outcome.ts";
import { ok, type Result } from "../core/result.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import type { Classifier, Rating } from "./classify.ts";
import { type Envelope, envelopeOf, mayBeFailure, parseJson } from "./envelope.ts";
import type { SchemaBudget } from "./response.schema.budget.ts";
import { compileSchema, type SchemaCheck } from "./response.schema.ts";
import { retryAfterMs } from "./retryafter.ts";

/** What a whole answer of the app is worth, and why. */
export interface Judgement {
  readonly worth: Worth;
  readonly reason: Reason | null;
  /** What Retry-After asks for, on answers of 400 and above. */
  readonly retryAfterMs: number | null;
  /** For operators: one clause, nothing from the payload. */
  readonly detail: string | null;
}

export interface ResponseCheck {
  /** An answer too large to hold cannot be judged here: it is a failure, never streamed. */
  readonly refuseLarge: boolean;
  /** Judges one answer; `body` is null where only its head is known. */
  judge(x: Exchange, status: number, headers: RawHeaders, body: Buffer | null): Judgement;
}

interface Parts {
  readonly format: "auto" | "raw" | "envelope";
  readonly schema: SchemaCheck | null;
  readonly classifier: Classifier;
  readonly budget: SchemaBudget;
}

const OK: Judgement = { worth: "ok", reason: null, retryAfterMs: null, detail: null };

/** The time a check may take belongs to what is live, so it comes with the plan: compiling touches nothing live. */
export type BindCheck = (budget: SchemaBudget) => ResponseCheck;

/** Compiles the check of a route's responses. The error says why its schema does not compile. */
export function compileResponseCheck(
  response: RouteSettings["response"],
  classifier: Classifier,
  clock: Clock,
): Result<BindCheck, string> {
  const compiled = response.schema === null ? null : compileSchema(response.schema);
  if (compiled !== null && !compiled.ok) return compiled;
  const schema = compiled?.value ?? null;
  return ok((budget) => bind({ format: response.format, schema, classifier, budget }, clock));
}

function bind(parts: Parts, clock: Clock): ResponseCheck {
  return {
    refuseLarge: parts.schema !== null || parts.format === "envelope",
    judge(x, status, headers, body) {
      const hintMs = status >= 400 ? retryAfterMs(headers, clock.wall()) : null;
      const rating = parts.classifier.ofStatus(status, hintMs !== null);
      const checked = hasBody(x.method, status) ? body : null;
      if (rating.worth === "ok") return checked === null ? OK : judgeGood(parts, x, headers, checked, status);
      return judgeBad(parts, x, rating, status, hintMs, checked);
    },
  };
}

/** RFC 9110 section 6.4.1: these carry no content, whatever their header says. */
function hasBody(method: string, status: number): boolean {
  return method !== "HEAD" && status !== 204 && status !== 304;
}

function judgeGood(parts: Parts, x: Exchange, headers: RawHeaders, body: Buffer, status: number): Judgement {
  const { format, schema, classifier } = parts;
  const mustBeJson = schema !== null || format === "envelope";
  if (!mustBeJson && (format === "raw" || !mayBeFailure(body))) return OK;
  const value = parseJson(body);
  if (value === undefined) {
    return mustBeJson ? judgement(classifier.invalidResponse, null, whyNoJson(headers)) : OK;
  }
  const envelope = format === "raw" ? null : envelopeOf(value);
  if (envelope === null && format === "envelope") {
    return judgement(classifier.invalidResponse, null, "it is JSON, but no envelope");
  }
  if (envelope?.success === false) {
    return judgement(classifier.ofEnvelope(envelope.code, envelope.retryable, status, false), null, said(envelope, x));
  }
  const broken = schema === null ? null : schema(value, body.length, parts.budget);
  return broken === null ? OK : judgement(classifier.invalidResponse, null, broken);
}

function judgeBad(
  parts: Parts,
  x: Exchange,
  rating: Rating,
  status: number,
  hintMs: number | null,
  body: Buffer | null,
): Judgement {
  if (rating.reason === "invalid_response") return judgement(rating, hintMs, `response.status does not hold ${status}`);
  if (body === null || parts.format === "raw" || !mayBeFailure(body)) return judgement(rating, hintMs, null);
  const envelope = envelopeOf(parseJson(body));
  if (envelope?.success !== false) return judgement(rating, hintMs, null);
  const { code, retryable } = envelope;
  return judgement(parts.classifier.ofEnvelope(code, retryable, status, hintMs !== null), hintMs, said(envelope, x));
}

function judgement(rating: Rating, hintMs: number | null, detail: string | null): Judgement {
  return { worth: rating.worth, reason: rating.reason, retryAfterMs: hintMs, detail };
}

function whyNoJson(headers: RawHeaders): string {
  const coding = headerValue(headers, "content-encoding");
  return coding === undefined || coding.trim().toLowerCase() === "identity"
    ? "it is no JSON"
    : "it is compressed, and compressed bodies are not looked into";
}

// The app's own word for the error, where it is a word: anything longer could be payload.
function said({ code }: Extract<Envelope, { success: false }>, x: Exchange): string {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(code) && !wasGiven(code, x) ? `envelope error ${code}` : "envelope error";
}

/** Is it a credential that the app was sent? Some say in their error which token they did not like. */
function wasGiven(code: string, { outHeaders, rest }: Exchange): boolean {
  for (let i = 0; i + 1 < outHeaders.length; i += 2) {
    if (!isSecretName(outHeaders[i] as string)) continue;
    if ((outHeaders[i + 1] as string).split(/[\s,;=]+/).includes(code)) return true;
  }
  return rest.split(/[?&=]/).includes(code);
}
