import type { RawHeaders } from "../core/headers.ts";
import type { ChannelSettings } from "../core/settings.service.ts";
import { type Call, type CallDeps, type Called, callOnce, type Destination } from "./call.ts";
import { type Channel, notSent, type TryResult } from "./channel.ts";
import { excerpt, type Mask } from "./excerpt.ts";
import type { Notice } from "./notice.ts";

/** What channels over HTTP share: where a URL leads, what an answer means, and the plain POST of JSON. */

export interface PostDeps extends CallDeps {
  /** Replaces the secrets of the manifest that the settings are from. */
  readonly mask: Mask;
  /** Reads Retry-After: milliseconds from now, or null. */
  readonly retryAfterMs: (headers: RawHeaders) => number | null;
}

export interface Posted {
  readonly body: string;
  /** Names and values by turns, beside those every call has. */
  readonly headers: readonly string[];
}

export type ChatSettings = Extract<ChannelSettings, { readonly type: "slack" | "discord" }>;
type PostSettings = Extract<ChannelSettings, { readonly url: string }>;

/** A channel whose tries are a POST of JSON to a fixed URL. `fill` is called anew for each try. */
export function createPostChannel(settings: PostSettings, fill: (notice: Notice) => Posted, deps: PostDeps): Channel {
  const { to, target } = takeApart(settings.url);
  const { name, retry, perMinute, timeoutMs } = settings;
  return {
    name,
    retry,
    perMinute,
    forOwner: false,
    summaries: true,
    async attempt(notice, signal) {
      const { body, headers } = fill(notice);
      const call: Call = {
        to,
        method: "POST",
        target,
        headers: ["User-Agent", "outrigger", "Content-Type", "application/json", ...headers],
        body,
        timeoutMs,
      };
      return judge(call, await callOnce(call, signal, deps), deps);
    },
  };
}

/** The manifest has seen to the form. */
export function takeApart(url: string): { readonly to: Destination; readonly target: string } {
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

const WORTH_ANOTHER_TRY: ReadonlySet<number> = new Set([408, 425, 429]);

/** What an answer means for the notification. */
export function judge(call: Call, called: Called, { mask, retryAfterMs }: PostDeps): TryResult {
  if (called.kind === "no answer") return notSent("again", 0, called.detail);
  const { status, retryAfter, text } = called;
  if (status < 300) return { kind: "sent", status };
  const answer = excerpt(text, call, mask);
  const kind = status >= 500 || WORTH_ANOTHER_TRY.has(status) ? "again" : "final";
  const detail = status < 400 ? `answered ${status}: redirects are not followed` : `answered ${status}`;
  const wait = retryAfter === null ? null : retryAfterMs(["retry-after", retryAfter]);
  return { ...notSent(kind, status, detail), answer, retryAfterMs: wait };
}
