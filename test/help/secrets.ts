import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { appsCommand } from "../../src/cli/apps.ts";
import { breakerCommand } from "../../src/cli/breaker.ts";
import { checkCommand } from "../../src/cli/check.ts";
import type { Command } from "../../src/cli/command.ts";
import { deliveriesCommand } from "../../src/cli/deliveries.ts";
import { dlqCommand } from "../../src/cli/dlq.ts";
import { explainCommand } from "../../src/cli/explain.ts";
import { failoverCommand } from "../../src/cli/failover.ts";
import { runCli } from "../../src/cli/program.ts";
import { routesCommand } from "../../src/cli/routes.ts";
import { schemaCommand } from "../../src/cli/schema.ts";
import { spoolCommand } from "../../src/cli/spool.ts";
import { statusCommand } from "../../src/cli/status.ts";
import { tailCommand } from "../../src/cli/tail.ts";
import { systemClock } from "../../src/core/clock.ts";
import { call } from "./call.ts";
import { createIo } from "./io.ts";
import type { Marks } from "./marks.ts";
import type { Sidecar } from "./sidecar.ts";

/** Everything that came out of a sidecar, each under the name of where. */
export interface Outputs {
  add(where: string, what: string | Uint8Array): void;
  /** `where: place of the mark`, one a line, sorted. */
  found(marks: Marks): string[];
}

export function createOutputs(): Outputs {
  const all: { readonly where: string; readonly what: string | Uint8Array }[] = [];
  return {
    add: (where, what) => void all.push({ where, what }),
    found: (marks) =>
      [...new Set(all.flatMap(({ where, what }) => marks.find(what).map((place) => `${where}: ${place}`)))].sort(),
  };
}

/** One place where secrets may come out, and why. */
export interface Allowed {
  readonly where: RegExp;
  readonly place: RegExp;
  readonly why: string;
}

/** What came out where none may, and which of the exceptions nobody needs. */
export function judge(found: readonly string[], allowed: readonly Allowed[]): { leaks: string[]; unused: string[] } {
  const used = new Set<Allowed>();
  const leaks = found.filter((line) => {
    const [where = "", place = ""] = line.split(": ");
    const exception = allowed.find((one) => one.where.test(where) && one.place.test(place));
    if (exception !== undefined) used.add(exception);
    return exception === undefined;
  });
  return { leaks, unused: allowed.filter((one) => !used.has(one)).map(({ why }) => why) };
}

const COMMANDS: readonly Command[] = [
  checkCommand,
  explainCommand,
  schemaCommand,
  statusCommand,
  routesCommand,
  appsCommand,
  failoverCommand,
  breakerCommand,
  deliveriesCommand(systemClock),
  dlqCommand(systemClock),
  spoolCommand(() => Promise.reject(new Error("no spool is moved here"))),
  tailCommand,
];

export type Role = "viewer" | "operator";

export interface Desk {
  /** Runs a command line and keeps all that it prints. */
  cli(role: Role, line: readonly string[]): Promise<{ readonly code: number; readonly text: string }>;
  /** Asks the admin API and keeps the whole answer, head too, under its path and what `aside` says. */
  ask(role: Role, method: string, path: string, body?: unknown, aside?: string): Promise<Told>;
  /** Runs one that goes on until it is ended, which gives all that it printed. */
  cliUntil(role: Role, line: readonly string[]): { text(): string; end(): Promise<string> };
}

interface Told {
  readonly status: number;
  readonly text: string;
}

/** The ways to ask a running sidecar; `env` is what a command line has of the process's environment. */
export function createDesk(
  sidecar: Sidecar,
  outputs: Outputs,
  tokens: Readonly<Record<Role, string>>,
  env: Readonly<Record<string, string>>,
): Desk {
  const ioOf = (role: Role) =>
    createIo({
      env: { ...env, OUTRIGGER_ADMIN: sidecar.adminUrl, OUTRIGGER_ADMIN_TOKEN: tokens[role] },
      cwd: sidecar.dir,
    });
  return {
    async cli(role, line) {
      const io = ioOf(role);
      const code = await runCli(line, io, COMMANDS);
      outputs.add(`${role} runs ${line[0]} ${line[1] ?? ""}`, io.out() + io.err());
      return { code, text: io.out() + io.err() };
    },
    async ask(role, method, path, body, aside) {
      const { status, headers, text } = await call(`${sidecar.adminUrl}${path}`, {
        method,
        headers: { Authorization: `Bearer ${tokens[role]}`, "Content-Type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const where = `${role} asks ${method} ${path.replace(/\/[0-9a-f-]{36}/g, "/{id}")}`;
      outputs.add(aside === undefined ? where : `${where} (${aside})`, JSON.stringify(headers) + text);
      return { status, text };
    },
    cliUntil(role, line) {
      const io = ioOf(role);
      const running = runCli(line, io, COMMANDS);
      return {
        text: () => io.out() + io.err(),
        async end() {
          io.abort();
          await running;
          return io.out() + io.err();
        },
      };
    },
  };
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

/** Every path that the admin API can be asked with GET, with these values in the place of its parameters. */
export function everyGet(values: Readonly<Record<"app" | "capability" | "id", string>>): string[] {
  const { paths } = JSON.parse(readFileSync("docs/openapi.json", "utf8")) as OpenApi;
  return Object.entries(paths)
    .filter(([, methods]) => "get" in methods)
    .map(([path]) => path.replace(/\{(app|capability|id)\}/g, (_, name: keyof typeof values) => values[name]))
    .filter((path) => !path.endsWith("/events"));
}

/** Keeps what follows comes on an event stream until it is ended. */
export async function followEvents(
  sidecar: Sidecar,
  token: string,
): Promise<{ readonly text: () => string; readonly end: () => Promise<void> }> {
  const abort = new AbortController();
  const response = await fetch(`${sidecar.adminUrl}/api/v1/admin/events`, {
    headers: { Authorization: `Bearer ${token}` },
    signal: abort.signal,
  });
  let text = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk as Uint8Array, { stream: true });
  })().catch(() => undefined);
  return {
    text: () => text,
    end: async () => {
      abort.abort();
      await reading;
    },
  };
}

/** All files below a folder, by name. */
export function filesBelow(dir: string): { readonly name: string; readonly bytes: Uint8Array }[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => ({ name: entry.name, bytes: readFileSync(join(entry.parentPath, entry.name)) }));
}

/** Writes a file of a test's folder, which is made where it is not there. */
export function put(dir: string, name: string, text: string): string {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, name), text);
  return join(dir, name);
}
