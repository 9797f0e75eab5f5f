import type { RawHeaders } from "../../core/headers.ts";
import type { ChannelSettings } from "../../core/settings.service.ts";
import { type Call, type CallDeps, type Called, callOnce, type Destination } from "../call.ts";
import type { Channel, TryResult } from "../channel.ts";
import { excerpt, type Mask } from "../excerpt.ts";
import type { Notice } from "../notice.ts";
import { compileJson, compileText } from "../template.ts";

/** Any HTTP endpoint: method, URL, headers and JSON body are the manifest's, with values of the event in them. */

export type HttpSettings = Extract<ChannelSettings, { type: "http" }>;

export interface HttpDeps extends CallDeps {
  /** Replaces the secrets of the manifest that the settings are from. */
  readonly mask: Mask;
  /** Reads Retry-After: milliseconds from now, or null. */
  readonly retryAfterMs: (headers: RawHeaders) => number | null;
}

export function createHttpChannel(settings: HttpSettings, deps: HttpDeps): Channel {
  const fill = compileCall(settings);
  const pointsSomewhere = /\{(?:event:|body:\/)to_url\}/.test(JSON.stringify(settings));
  return {
    name: settings.name,
    retry: settings.retry,
    async attempt(notice, signal) {
      // What would be made of an empty URL is no address: whatever is pointed there was better off where it pointed.
      if (pointsSomewhere && isMove(notice) && notice.record.to_url === undefined)
        return failed("final", 0, "traffic has nowhere to go, so there is no to_url");
      const call = fill(notice);
      if (call === null) return failed("final", 0, "a value of the event makes a . or .. segment of the URL's path");
      return judge(call, await callOnce(call, signal, deps), deps);
    },
  };
}

function isMove({ type }: Notice): boolean {
  return type === "failover" || type === "failback";
}

/** null: the event has a value that would lead to another path than the manifest's. */
function compileCall(settings: HttpSettings): (notice: Notice) => Call | null {
  const { method, timeoutMs } = settings;
  const { to, target } = takeApart(settings.url);
  const fillTarget = compileText(target, encodeURIComponent);
  const fillHeaders = settings.headers.map(([name, value]) => [name, compileText(value, fieldText)] as const);
  const bodiless = method === "GET" || method === "DELETE";
  const fillBody = settings.body === null ? eventItself : compileJson(settings.body);
  const given = new Set(settings.headers.map(([name]) => name.toLowerCase()));
  const fixed = [
    ...(given.has("user-agent") ? [] : ["User-Agent", "outrigger"]),
    ...(bodiless || given.has("content-type") ? [] : ["Content-Type", "application/json"]),
  ];
  return (notice) => {
    const filled = fillTarget(notice);
    if (hasDots(filled)) return null;
    const headers = [...fixed, ...fillHeaders.flatMap(([name, fillValue]) => [name, fillValue(notice)])];
    return { to, method, target: filled, headers, body: bodiless ? null : fillBody(notice), timeoutMs };
  };
}

const eventItself = ({ record }: Notice): string => JSON.stringify(record);

/** The manifest has seen to the form. */
function takeApart(url: string): { readonly to: Destination; readonly target: string } {
  const [, scheme = "", authority = "", target = ""] = /^(https?):\/\/([^/?]+)(.*)$/.exec(url) ?? [];
  const secure = scheme === "https";
  const { hostname, port, host } = new URL(`${scheme}://${authority}`);
  return {
    to: {
      secure,
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? (secure ? 443 : 80) : Number(port),
      authority: host,
    },
    target: target.startsWith("/") ? target : `/${target}`,
  };
}

// Encoding leaves dots as they are, and servers take encoded ones for dots all the same.
function hasDots(target: string): boolean {
  return (target.split("?")[0] ?? "").split("/").some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
}

/** What a header can't hold (line breaks, controls, letters beyond ASCII) is percent-encoded. */
function fieldText(value: string): string {
  return value.replace(/[^\t\x20-\x7e]/gu, encodeURIComponent);
}

const WORTH_ANOTHER_TRY: ReadonlySet<number> = new Set([408, 425, 429]);

function judge(call: Call, called: Called, { mask, retryAfterMs }: HttpDeps): TryResult {
  if (called.kind === "no answer") return failed("again", 0, called.detail);
  const { status, retryAfter, text } = called;
  if (status < 300) return { kind: "sent", status };
  const answer = excerpt(text, call, mask);
  const kind = status >= 500 || WORTH_ANOTHER_TRY.has(status) ? "again" : "final";
  const detail = status < 400 ? `answered ${status}: redirects are not followed` : `answered ${status}`;
  const wait = retryAfter === null ? null : retryAfterMs(["retry-after", retryAfter]);
  return { ...failed(kind, status, detail), answer, retryAfterMs: wait };
}

function failed(kind: "again" | "final", status: number, detail: string): Exclude<TryResult, { kind: "sent" }> {
  return { kind, status, detail, answer: null, retryAfterMs: null };
}
