import type { ChannelSettings } from "../core/settings.service.ts";
import type { Report } from "./problem.ts";
import { reaches } from "./prove.app.ts";
import type { Resolved } from "./resolve.ts";

/** What notifications promise: that who is named exists, and that a call can be made. */
export function proveNotify(all: Resolved, report: Report): void {
  if (all.main.tainted(["notify"])) return;
  proveChannels(all, report);
  if (!all.main.tainted(["apps"])) proveRoutes(all, report);
}

function proveRoutes({ main, manifest: { notify, apps } }: Resolved, report: Report): void {
  const known = {
    to: new Set(notify.channels.map((channel) => channel.name)),
    apps: new Set(apps.map((app) => app.name)),
  };
  for (const [i, route] of notify.routes.entries()) {
    for (const key of ["to", "apps"] as const) {
      for (const [j, name] of (route[key] ?? []).entries()) {
        if (known[key].has(name)) continue;
        const at = ["notify", "routes", i, key, j];
        const all = [...known[key]].join(", ") || "none";
        report.error(
          main.place(at, "value"),
          at,
          `there is no ${key === "to" ? "channel" : "app"} ${name}; known: ${all}`,
        );
      }
    }
  }
}

function proveChannels({ main, manifest: { notify, listen } }: Resolved, report: Report): void {
  for (const channel of notify.channels) {
    if (channel.type === "email") continue;
    const at = (key: string) => ["notify", "channels", channel.name, key];
    if (channel.type === "http" && channel.body !== null && !mayHaveBody(channel))
      report.error(main.place(at("body")), at("body"), `${channel.method} has no body: leave it out, or use POST`);
    if (!main.tainted(["listen"]) && reaches(dialled(channel.url), listen.proxy)) {
      const said = "this channel is listen.proxy itself: each notification would be a request that makes another";
      report.error(main.place(at("url"), "value"), at("url"), said);
    }
  }
}

/** The schema has seen to it that the authority is one. */
export function dialled(url: string): { hostname: string; port: number } {
  const { hostname, port, protocol } = new URL(/^https?:\/\/[^/?]+/.exec(url)?.[0] ?? url);
  return { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port || (protocol === "https:" ? 443 : 80)) };
}

/** RFC 9110 gives a body of these methods no meaning. */
function mayHaveBody({ method }: Extract<ChannelSettings, { type: "http" }>): boolean {
  return method !== "GET" && method !== "DELETE";
}
