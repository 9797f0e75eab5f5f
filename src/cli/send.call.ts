import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type RouteView, routeSchema, statusSchema } from "../admin/routes/status.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Client } from "./client.ts";
import type { Io } from "./command.ts";
import type { Failure } from "./target.ts";

/** What `send` sends, and where. */
export interface Call {
  /** Where callers reach the sidecar, without a path. */
  readonly url: string;
  readonly socketPath: string | null;
  readonly app: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** X-Request-ID: by it the call is known again. */
  readonly id: string;
}

/** What of it a person chose. */
export interface Given {
  readonly method?: string;
  readonly path?: string;
  readonly header?: readonly string[];
  readonly proxy?: string;
}

const MAX_BODY = 64 * 1024 * 1024;

/** `@FILE` and `@-` are read; what is left out is no body. */
export async function readBody(io: Io, data: string | undefined): Promise<Result<Uint8Array, Failure>> {
  if (data === undefined) return ok(new Uint8Array());
  if (!data.startsWith("@")) return ok(Buffer.from(data));
  if (data !== "@-") {
    try {
      return ok(readFileSync(resolve(io.cwd, data.slice(1))));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return err({
        wrong: `${data.slice(1)} cannot be read (${code})`,
        hint: "Try: --data @file.json, or --data TEXT",
      });
    }
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of io.stdin()) {
    size += chunk.length;
    if (size > MAX_BODY) return err({ wrong: "the body is larger than 64 MiB", hint: "No route takes as much" });
    chunks.push(chunk);
  }
  return ok(Buffer.concat(chunks));
}

export async function callOf(
  client: Client,
  { app, capability }: { readonly app: string; readonly capability: string },
  given: Given,
  body: Uint8Array,
  id: string,
): Promise<Result<Call, Failure>> {
  const routes = await client.list(`/routes?app=${encodeURIComponent(app)}`, routeSchema);
  if (!routes.ok) return routes;
  const route = routes.value.find((one) => one.capability === capability);
  if (route === undefined) {
    const wrong = `the running manifest has no route ${app}/${capability}`;
    return err({ wrong, hint: "See what there is with: outrigger routes" });
  }
  const place = await placeOf(client, given.proxy);
  if (!place.ok) return place;
  const path = given.path ?? route.match.path;
  if (!path.startsWith("/") || (given.path === undefined && isPattern(path)))
    return err({ wrong: `${path} matches more than one path`, hint: "Say which with --path, as in --path /quiz/7" });
  const headers = { ...defaultHeaders(route, body), ...written(given.header ?? []), "x-request-id": id };
  const method = (given.method ?? methodOf(route)).toUpperCase();
  return ok({ ...place.value, app, method, path, headers, body, id });
}

const isPattern = (path: string): boolean => path.endsWith("/*") || /\/:[^/]/.test(path);

function methodOf({ match: { methods } }: RouteView): string {
  return methods === null || methods.includes("POST") ? "POST" : (methods[0] ?? "POST");
}

/** What the route asks for; and what the body is, where it is JSON. */
function defaultHeaders({ match }: RouteView, body: Uint8Array): Record<string, string> {
  const headers: Record<string, string> = {};
  if (match.host !== null) headers.host = match.host;
  for (const [name, value] of Object.entries(match.headers)) headers[name.toLowerCase()] = value;
  if (body.length > 0) headers["content-type"] = isJson(body) ? "application/json" : "application/octet-stream";
  return headers;
}

function isJson(body: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(body).toString());
    return true;
  } catch {
    return false;
  }
}

function written(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

async function placeOf(
  client: Client,
  named: string | undefined,
): Promise<Result<Pick<Call, "url" | "socketPath">, Failure>> {
  if (named === undefined) {
    const status = await client.get("/status", statusSchema);
    if (!status.ok) return status;
    const { proxy } = status.value.listen;
    if (proxy.startsWith("unix:")) return ok({ url: "http://localhost", socketPath: proxy.slice("unix:".length) });
    // All addresses of a machine are reached on its own.
    return ok({
      url: `http://${proxy.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:")}`,
      socketPath: null,
    });
  }
  const url = URL.parse(/^https?:\/\//.test(named) ? named : `http://${named}`);
  if (url === null || url.pathname !== "/")
    return err({ wrong: `${named} is no URL of a proxy`, hint: "Try: --proxy http://127.0.0.1:8080" });
  return ok({ url: url.origin, socketPath: null });
}
