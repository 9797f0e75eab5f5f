import { Agent, fetch, type Response } from "undici";
import { z } from "zod";
import { err, ok, type Result } from "../core/result.ts";
import { printable } from "./table.ts";
import type { Failure, Target } from "./target.ts";

/** The admin API as commands use it. Every answer is checked against the schema the sidecar answers by. */
export interface Client extends AsyncDisposable {
  get<T>(path: string, schema: z.ZodType<T>): Promise<Result<T, Failure>>;
  post<T>(path: string, body: object, schema: z.ZodType<T>): Promise<Result<T, Failure>>;
  /** All items of a list, part by part. */
  list<T>(path: string, item: z.ZodType<T>): Promise<Result<readonly T[], Failure>>;
  /** Opens an event stream, from after `lastId` if one is given. */
  stream(path: string, lastId: string | null): Promise<Result<AsyncIterable<Uint8Array>, Failure>>;
}

const BASE = "/api/v1/admin";
const TIMEOUT_MS = 10_000;
/** Lists are bounded by the manifest; more parts than this is a cursor that goes round in circles. */
const MAX_PARTS = 1_000;

interface Asked {
  readonly method?: "GET" | "POST";
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** `signal` ends whatever is under way, as when the person interrupts. */
export function createClient(target: Target, signal: AbortSignal): Client {
  const agent = new Agent(target.socketPath === null ? {} : { connect: { socketPath: target.socketPath } });
  const open = async (path: string, asked: Asked): Promise<Result<Response, Failure>> => {
    const headers: Record<string, string> = { Accept: "application/json, text/event-stream", ...asked.headers };
    if (target.token !== null) headers.Authorization = `Bearer ${target.token}`;
    if (asked.body !== undefined) headers["Content-Type"] = "application/json";
    try {
      const response = await fetch(`${target.url}${BASE}${path}`, {
        method: asked.method ?? "GET",
        headers,
        ...(asked.body !== undefined && { body: JSON.stringify(asked.body) }),
        redirect: "error",
        dispatcher: agent,
        signal: asked.signal,
      });
      return response.ok ? ok(response) : err(await refusalOf(response, target));
    } catch (error) {
      return err(unreachable(error, target));
    }
  };
  const ask = async <T>(
    path: string,
    asked: Omit<Asked, "signal">,
    schema: z.ZodType<T>,
  ): Promise<Result<T, Failure>> => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await open(path, { ...asked, signal: limited });
    if (!response.ok) return response;
    try {
      const parsed = schema.safeParse(await response.value.json());
      return parsed.success ? ok(parsed.data) : err(notUnderstood(target));
    } catch {
      return err(notUnderstood(target));
    }
  };
  const get: Client["get"] = (path, schema) => ask(path, {}, schema);
  return {
    get,
    post: (path, body, schema) => ask(path, { method: "POST", body }, schema),
    async list<T>(path: string, item: z.ZodType<T>) {
      const schema = z.object({ items: z.array(item), next: z.string().nullable() });
      const items: T[] = [];
      let cursor = "";
      for (let part = 0; part < MAX_PARTS; part++) {
        const answer = await get(`${path}${path.includes("?") ? "&" : "?"}limit=1000${cursor}`, schema);
        if (!answer.ok) return answer;
        items.push(...answer.value.items);
        if (answer.value.next === null) return ok(items);
        cursor = `&cursor=${encodeURIComponent(answer.value.next)}`;
      }
      return err(notUnderstood(target));
    },
    async stream(path, lastId) {
      const headers: Record<string, string> = lastId === null ? {} : { "Last-Event-ID": lastId };
      const response = await open(path, { headers, signal });
      if (!response.ok) return response;
      return response.value.body === null ? err(notUnderstood(target)) : ok(response.value.body);
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

const refusalSchema = z.object({ title: z.string(), detail: z.string().optional() });

async function refusalOf(response: Response, target: Target): Promise<Failure> {
  const body = refusalSchema.safeParse(await response.json().catch(() => null));
  if (!body.success) return { ...notUnderstood(target), wrong: `${target.url} answered ${response.status}` };
  const { title, detail } = body.data;
  const wrong = printable(`${title.toLowerCase()}${detail === undefined ? "" : `: ${detail}`}`);
  if (response.status === 401)
    return {
      wrong:
        target.token === null
          ? "the sidecar wants a token, and none was found"
          : "the sidecar does not know this token",
      hint:
        "Give it with --token or OUTRIGGER_ADMIN_TOKEN; where none is configured it is in the file admin-token of the " +
        "data directory (with -c FILE it is read from there), readable for the user that runs outrigger",
    };
  if (response.status === 403) return { wrong, hint: "This needs the token of an operator: give it with --token" };
  if (response.status === 421)
    return { wrong, hint: "Name the sidecar by its address, or add the name to admin.allowed_hosts" };
  if (response.status === 404) return { wrong, hint: "See what there is with: outrigger routes" };
  return { wrong, hint: `${target.url} answered ${response.status}; its log may say more` };
}

function unreachable(error: unknown, target: Target): Failure {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  const where = target.socketPath === null ? target.url : `unix:${target.socketPath}`;
  return {
    wrong: `nothing answers at ${where} (${printable(code)})`,
    hint: "Is it running? Start it with: outrigger serve. Or name another with --admin URL, OUTRIGGER_ADMIN or -c FILE",
  };
}

function notUnderstood({ url }: Target): Failure {
  return {
    wrong: `what answers at ${url} is not understood`,
    hint: "Is that the admin listener (not the proxy), and of this version of outrigger?",
  };
}
