import type { ChannelSettings } from "../../core/settings.service.ts";
import { type Call, callOnce } from "../call.ts";
import { type Channel, notSent } from "../channel.ts";
import type { Notice } from "../notice.ts";
import { judge, type PostDeps, takeApart } from "../post.ts";
import { compileJson, compileText } from "../template.ts";

/** Any HTTP endpoint: method, URL, headers and JSON body are the manifest's, with values of the event in them. */

export type HttpSettings = Extract<ChannelSettings, { type: "http" }>;

export function createHttpChannel(settings: HttpSettings, deps: PostDeps): Channel {
  const fill = compileCall(settings);
  const pointsSomewhere = /\{(?:event:|body:\/)to_url\}/.test(JSON.stringify(settings));
  return {
    name: settings.name,
    retry: settings.retry,
    perMinute: settings.perMinute,
    forOwner: false,
    // It may stand for a call that does something: what was held back, or a test, would do something else.
    summaries: false,
    async attempt(notice, signal) {
      // What would be made of an empty URL is no address: whatever is pointed there was better off where it pointed.
      if (pointsSomewhere && notice.type === "notifications.test")
        return notSent("final", 0, "it points something to where traffic goes: a test would point it nowhere");
      if (pointsSomewhere && isMove(notice) && notice.record.to_url === undefined)
        return notSent("final", 0, "traffic has nowhere to go, so there is no to_url");
      const call = fill(notice);
      if (call === null) return notSent("final", 0, "a value of the event makes a . or .. segment of the URL's path");
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

// Encoding leaves dots as they are, and servers take encoded ones for dots all the same.
function hasDots(target: string): boolean {
  return (target.split("?")[0] ?? "").split("/").some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
}

/** What a header can't hold (line breaks, controls, letters beyond ASCII) is percent-encoded. */
function fieldText(value: string): string {
  return value.replace(/[^\t\x20-\x7e]/gu, encodeURIComponent);
}
