import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readAddress } from "../admin/address.ts";
import { TOKEN_FILE } from "../admin/token.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Address, Manifest } from "../core/settings.ts";
import { formatProblem, loadManifest, type ManifestProblem } from "../manifest/load.ts";
import { type Whereabouts, whereabouts } from "../manifest/place.ts";
import { parseAddress } from "../manifest/schema.values.ts";
import { type Io, manifestPath } from "./command.ts";

/** The admin API of the sidecar that a command talks to. */
export interface Target {
  /** `http://host:port`, without a path. */
  readonly url: string;
  readonly socketPath: string | null;
  /** null: none was found; the sidecar will say that it wants one. */
  readonly token: string | null;
}

export interface FoundTarget extends Target {
  /** What whoever asks must know of how it was found. */
  readonly note: string | null;
}

export interface TargetOptions {
  readonly admin?: string;
  readonly token?: string;
  readonly config?: string;
}

/** What went wrong, and what to try next. */
export interface Failure {
  readonly wrong: string;
  readonly hint: string;
}

/**
 * Where the sidecar is and how to come in: the option, else `OUTRIGGER_ADMIN` and `OUTRIGGER_ADMIN_TOKEN`, else where
 * one listens that runs on the manifest's data directory, else what the manifest says. A token of the manifest is for the sidecar of that manifest: it is never sent to another machine.
 */
export function findTarget(io: Io, options: TargetOptions): Result<FoundTarget, Failure> {
  const named = options.admin ?? io.env.OUTRIGGER_ADMIN;
  const token = options.token ?? io.env.OUTRIGGER_ADMIN_TOKEN ?? null;
  if (named === undefined) return fromManifest(io, options, token);
  const place = parseAdmin(named);
  if (place === null)
    return err({
      wrong: `${named.replace(/[^/@\s]*@/, "***@")} is no admin URL`,
      hint: "Try: --admin http://127.0.0.1:9090 or --admin unix:/path.sock",
    });
  const own = token === null && isThisMachine(place) ? fromManifest(io, options, null) : null;
  return ok({ ...place, token: token ?? (own?.ok ? own.value.token : null), note: null });
}

type Place = Omit<Target, "token">;

function fromManifest(io: Io, options: TargetOptions, token: string | null): Result<FoundTarget, Failure> {
  const file = manifestPath(io, options.config);
  const loaded = loadManifest(file, { env: io.env, cwd: io.cwd });
  // After a reload that was refused the file is wrong, and the sidecar runs on as it said before.
  const place = loaded.ok ? placeIn(loaded.value.manifest) : whereabouts(file, { env: io.env, cwd: io.cwd });
  if (place === null) {
    const hint =
      "Name the sidecar: --admin http://127.0.0.1:9090 --token TOKEN, with the admin address in the line that serve " +
      `prints when it is ready, and the token in admin-token of its data_dir; see also outrigger check ${file}`;
    return err({ wrong: `${file} does not say where the sidecar is: it cannot be loaded`, hint });
  }
  const admin = parseAddress(readAddress(place.dataDir) ?? "") ?? place.admin;
  if (admin.kind === "tcp" && admin.port === 0)
    return err({
      wrong: `no sidecar of ${file} runs here, and it leaves the admin port to chance (listen.admin has port 0)`,
      hint: "Start it with: outrigger serve. Or try: --admin URL, with the address in the line that serve prints when it is ready",
    });
  const note = loaded.ok ? null : refusedNote(file, loaded.error);
  return ok({ ...placeOf(admin), token: token ?? place.token ?? readToken(join(place.dataDir, TOKEN_FILE)), note });
}

function refusedNote(file: string, problems: readonly ManifestProblem[]): string {
  const errors = problems.filter(({ severity }) => severity === "error");
  const [first] = errors.map(formatProblem);
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : "";
  return `${file} is not valid: what runs goes by an earlier one. See outrigger check ${file}; ${first}${more}`;
}

function placeIn({ listen, admin, dataDir }: Manifest): Whereabouts {
  const configured = admin.tokens.find(({ role }) => role === "operator") ?? admin.tokens[0];
  return { admin: listen.admin, dataDir, token: configured?.token ?? null };
}

/** Listening on all addresses is reached on this machine's own. */
function placeOf(address: Address): Place {
  if (address.kind === "unix") return { url: "http://localhost", socketPath: address.path };
  const host = address.host === "0.0.0.0" ? "127.0.0.1" : address.host === "::" ? "::1" : address.host;
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`, socketPath: null };
}

function parseAdmin(text: string): Place | null {
  if (text.startsWith("unix:/")) return { url: "http://localhost", socketPath: text.slice("unix:".length) };
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `http://${text}`);
  return url === null || url.pathname !== "/" || url.username !== "" ? null : { url: url.origin, socketPath: null };
}

function isThisMachine({ url, socketPath }: Place): boolean {
  return socketPath !== null || /^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(url);
}

function readToken(file: string): string | null {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return null;
  }
}
