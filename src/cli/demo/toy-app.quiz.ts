import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Clock } from "../../core/clock.ts";
import { isSignedBy, SIGNATURE } from "./github.ts";
import type { AppReport, Behaviour } from "./toy-app.messages.ts";

/** The toy app itself: a plain `node:http` server that knows nothing of Outrigger, with a mood that can be set. */
export interface Quiz {
  readonly server: Server;
  behave(as: Behaviour): void;
  report(): AppReport;
}

/** The paths it serves. */
const PATHS: ReadonlySet<string> = new Set(["/webhooks/answer", "/webhooks/winner", "/webhooks/register"]);
const GITHUB = "/webhooks/github";

/** Names the port that an answer comes from: of several apps behind one door, it tells which one answered. */
export const SERVED_BY = "Served-By";

export function createQuiz(clock: Clock, secret: string): Quiz {
  const seen: Record<string, number> = {};
  let verified = 0;
  let refused = 0;
  const taken: Record<string, number> = {};
  let firstAt: number | null = null;
  let lastAt = 0;
  let mood: Behaviour = { kind: "well" };

  const serve = (path: string, req: IncomingMessage, body: Buffer): Answer => {
    if (mood.kind === "broken") return { status: 500, body: { error: "the quiz database is gone" } };
    if (path === "/health") return { status: 200, body: { status: "healthy" } };
    if (path !== GITHUB) return quizAnswer(path, body);
    if (isSignedBy(secret, body, req.headers[SIGNATURE])) {
      verified++;
      if (mood.kind === "refusing" && req.headers["x-github-event"] === mood.event) {
        return { status: 422, body: { success: false, error: { code: "unknown_event" } } };
      }
      const id = String(req.headers["x-github-delivery"]);
      taken[id] = (taken[id] ?? 0) + 1;
      lastAt = clock.now();
      firstAt ??= lastAt;
      return { status: 200, body: { success: true, data: { verified: true } } };
    }
    refused++;
    return { status: 401, body: { success: false, error: { code: "bad_signature" } } };
  };

  const server = createServer((req, res) => {
    const path = req.url ?? "";
    if (path === GITHUB || PATHS.has(path)) seen[path] = (seen[path] ?? 0) + 1;
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      if (mood.kind === "hanging") return;
      const answer = (): void => write(res, serve(path, req, Buffer.concat(chunks)));
      if (mood.kind === "slow") clock.after(mood.delayMs, answer, undefined);
      else answer();
    });
  });

  return {
    server,
    behave: (as) => {
      mood = as;
    },
    report: () => ({
      seen: { ...seen },
      verified,
      refused,
      taken: { ...taken },
      takenMs: lastAt - (firstAt ?? lastAt),
    }),
  };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

function quizAnswer(path: string, body: Buffer): Answer {
  if (!PATHS.has(path)) return { status: 404, body: { success: false, error: { code: "not_found" } } };
  const asked = parsed(body);
  if (asked === null) return { status: 400, body: { success: false, error: { code: "bad_json" } } };
  if (path === "/webhooks/register") return { status: 201, body: { success: true, data: { status: "registered" } } };
  if (path === "/webhooks/answer") return good({ correct: asked.answer === "B" });
  // Its own rule is plain on purpose: the first in the list wins, so a winner picked by chance is told apart.
  return good({ winner: Array.isArray(asked.participants) ? asked.participants[0] : null, chosen_by: "app" });
}

function good(data: object): Answer {
  return { status: 200, body: { success: true, data } };
}

function parsed(body: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function write(res: ServerResponse, { status, body }: Answer): void {
  const text = JSON.stringify(body);
  res.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
    [SERVED_BY]: String(res.socket?.localPort),
  });
  res.end(text);
}
