import type { UpstreamSettings } from "../core/settings.ts";
import { shown } from "./schema.parts.ts";

/** Paths and URLs of the manifest. They are kept as the bytes written: nothing here decodes or normalises what is sent. */

const PATH = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;

/** What is wrong with a path on an upstream, or null. */
export function wrongPath(path: string): string | null {
  if (!path.startsWith("/")) return `expected a path beginning with /, got ${shown(path)}`;
  if (path.includes("?")) return "a path holds no ?: the caller's own query is appended";
  if (path.includes("#")) return "a path holds no #: a fragment is never sent";
  if (path.startsWith("//")) return "a path beginning with // reads as a host";
  if (!PATH.test(path)) return `${shown(path)} holds a character that must be percent-encoded in a path`;
  if (/%00/.test(path)) return "a path holds no NUL";
  const dots = path.split("/").some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
  return dots ? "a path holds no . or .. segments, encoded or not" : null;
}

/** Checks what `match.path` says: a path, with `:name` segments and a final `/*`. */
export function parsePattern(value: unknown): { readonly path: string } | { readonly wrong: string } {
  if (typeof value !== "string") return { wrong: `expected a path such as /quiz/winner, got ${shown(value)}` };
  const wrong = wrongPath(value);
  if (wrong !== null) return { wrong };
  if (value === "/.outrigger" || value.startsWith("/.outrigger/"))
    return { wrong: "paths under /.outrigger/ are the proxy's own" };
  const segments = value.split("/");
  const names = new Set<string>();
  for (const [i, segment] of segments.entries()) {
    if (segment.includes("*") && !(segment === "*" && i === segments.length - 1)) {
      return { wrong: "a * stands only alone at the end, as in /quiz/*" };
    }
    if (!segment.startsWith(":")) continue;
    if (!/^:[A-Za-z_][A-Za-z0-9_]*$/.test(segment))
      return { wrong: `${shown(segment)} is no parameter: expected one such as :room` };
    if (names.has(segment)) return { wrong: `the parameter ${segment} is here twice` };
    names.add(segment);
  }
  return { path: value };
}

/** Where an upstream is, without its place among the others. */
export type UpstreamUrl = Omit<UpstreamSettings, "name" | "priority" | "weight">;

/** Takes an upstream's URL apart. The path is kept raw, less trailing slashes. */
export function parseUpstreamUrl(value: unknown): UpstreamUrl | { readonly wrong: string } {
  if (typeof value !== "string") return { wrong: `expected a URL such as http://10.0.0.5:9000, got ${shown(value)}` };
  const [, scheme, authority, path = ""] = /^(https?):\/\/([^/?#\\]+)(\/[^?#]*)?$/.exec(value) ?? [];
  if (authority === undefined) return { wrong: wrongUrl(value) };
  if (authority.includes("@")) return { wrong: "an upstream URL holds no user or password: use headers.set" };
  const wrong = path === "" ? null : wrongPath(path);
  if (wrong !== null) return { wrong };
  // URL.parse checks the host and gives one spelling of it; the path never goes through it.
  const url = URL.parse(`${scheme}://${authority}/`);
  if (url === null || url.hostname === "" || url.port === "0")
    return { wrong: `${shown(value)} has no valid host and port` };
  const secure = scheme === "https";
  return {
    url: value,
    secure,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    authority: url.host,
    prefix: path.replace(/\/+$/, ""),
  };
}

function wrongUrl(value: string): string {
  if (value.includes("?")) return "an upstream URL holds no ?: the caller's own query is appended";
  if (value.includes("#")) return "an upstream URL holds no #: a fragment is never sent";
  if (/^[a-z0-9.-]+(:\d+)?(\/|$)/i.test(value)) return `expected http:// or https:// before ${shown(value)}`;
  return `expected a URL such as http://10.0.0.5:9000, got ${shown(value)}`;
}
