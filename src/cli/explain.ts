import { headerValue, isSecretName } from "../core/headers.ts";
import { REDACTED } from "../core/redact.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import { type Explanation, explainRoute } from "../manifest/explain.ts";
import { formatProblem, loadManifest } from "../manifest/load.ts";
import type { Mask } from "../manifest/mask.ts";
import { PATIENT_RETRY, RESTART_MS, spreadOf } from "../manifest/timeline.ts";
import { formatDuration } from "../manifest/units.ts";
import { compileSchema } from "../policy/response.schema.ts";
import { createRouter } from "../proxy/router.ts";
import { CONFIG_OPTION, type Command, type ExitCode, type Io, manifestPath, paint, usage } from "./command.ts";

/** `explain METHOD PATH`: which route would answer, each effective value with its origin, and the worst case in time. */
export const explainCommand: Command = {
  name: "explain",
  register(program, io, settle) {
    program
      .command("explain <method> <path>")
      .description(
        "the route that would answer, each effective value and where it was set, worst-case timeline of the tries",
      )
      .option(
        "-H, --header <name: value>",
        "a request header; Host too (repeatable)",
        (one: string, all: readonly string[] | undefined) => [...(all ?? []), one],
      )
      .option("--all", "the built-in values too")
      .option(...CONFIG_OPTION)
      .option("--json", "for programs: one JSON document")
      .action((method: string, path: string, options: Options) =>
        settle(explain(method.toUpperCase(), path, options, io)),
      );
  },
};

/** As `explainRoute` calls the origin of what nobody set. */
const BUILT_IN = "built-in";

interface Options {
  readonly header?: readonly string[];
  readonly all?: true;
  readonly config?: string;
  readonly json?: true;
}

function explain(method: string, path: string, options: Options, io: Io): ExitCode {
  if (!path.startsWith("/")) return usage(io, `${path} is no path`, pathHint(method, path));
  const headers: string[] = [];
  for (const line of options.header ?? []) {
    const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      return usage(io, `${line} is no header`, 'Try: -H "X-Event: winner"');
    headers.push(name, value);
  }
  const file = manifestPath(io, options.config);
  const loaded = loadManifest(file, { env: io.env, cwd: io.cwd, checkSchema: compileSchema });
  if (!loaded.ok) {
    for (const problem of loaded.error) io.stderr(`${formatProblem(problem)}\n`);
    io.stderr(`nothing to explain while the manifest is refused; see outrigger check ${file}\n`);
    return 1;
  }
  const { routes } = loaded.value.manifest;
  const router = createRouter(routes.map((route) => ({ match: route.match, value: route })));
  const host = headerValue(headers, "host") ?? "";
  const found = router.find(method, host, path.replace(/\?.*/s, ""), headers);
  if (found.kind !== "found")
    return noRoute(found.kind === "method" ? found.allow : null, { method, path, routes }, io);
  const explanation = explainRoute(loaded.value, found.value.key, method);
  if (explanation === null) throw new Error(`the router knows ${found.value.key}, the manifest does not`);
  if (options.json) io.stdout(`${JSON.stringify(explanation, null, 2)}\n`);
  else print(explanation, upstreamsText(found.value, loaded.value.mask), found.value, options.all === true, io);
  return 0;
}

/** Who has the URL of a call that goes through `http_proxy` is told how to ask for its host. */
function pathHint(method: string, path: string): string {
  const url = /^https?:\/\//i.test(path) ? URL.parse(path) : null;
  if (url === null) return "Try: outrigger explain POST /quiz/answer";
  return `Try: outrigger explain ${method} ${url.pathname} -H 'Host: ${url.host}'`;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly routes: readonly RouteSettings[];
}

function noRoute(allow: readonly string[] | null, { method, path, routes }: Asked, io: Io): ExitCode {
  if (allow !== null) {
    io.stderr(`405: ${path} is known, but not for ${method}; allowed: ${allow.join(", ")}\n`);
    return 1;
  }
  io.stderr(`404: no route answers ${method} ${path}\n`);
  const shown = routes.slice(0, 10).map(({ match, key }) => {
    const headers = match.headers
      .map(([name, value]) => ` -H "${name}: ${isSecretName(name) ? REDACTED : value}"`)
      .join("");
    return `  ${match.methods?.join("|") ?? "any"} ${match.host ?? ""}${match.path}${headers}  (${key})\n`;
  });
  if (shown.length === 0) io.stderr("the manifest has no routes: add an app with webhooks\n");
  else
    io.stderr(`routes there are:\n${shown.join("")}${routes.length > 10 ? `  and ${routes.length - 10} more\n` : ""}`);
  return 1;
}

function upstreamsText({ upstreams, path }: RouteSettings, mask: Mask): string {
  return upstreams.map(({ url }) => mask(url + path)).join(", ");
}

function print(explanation: Explanation, to: string, settings: RouteSettings, all: boolean, io: Io): void {
  const { bold } = paint(io);
  io.stdout(`${bold(explanation.route)}  ${settings.mode}  to ${to}\n\n`);
  printValues(explanation.values, all, io);
  printTimeline(explanation.timeline, settings, io);
}

/** What somebody set comes first: that is what a person looks for. */
function printValues(values: Explanation["values"], all: boolean, io: Io): void {
  const { dim } = paint(io);
  const [builtIn, set] = partition(values);
  const rows = (all ? [...set, ...builtIn] : set).map(
    ({ path, value, origin }) =>
      [path, value === null ? "-" : typeof value === "string" ? value : JSON.stringify(value), origin] as const,
  );
  const widths = [0, 1].map((i) => Math.min(44, Math.max(0, ...rows.map((row) => (row[i] ?? "").length))));
  for (const [path, value, origin] of rows) {
    const named = `${path.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  `;
    io.stdout(origin === BUILT_IN ? `${dim(named + origin)}\n` : `${named}${dim(origin)}\n`);
  }
  if (!all) io.stdout(`${dim(`and ${builtIn.length} built-in values: --all shows them`)}\n`);
}

function partition(values: Explanation["values"]) {
  const isBuiltIn = ({ origin }: Explanation["values"][number]): boolean => origin === BUILT_IN;
  return [values.filter(isBuiltIn), values.filter((value) => !isBuiltIn(value))] as const;
}

function printTimeline(timeline: Explanation["timeline"], settings: RouteSettings, io: Io): void {
  const { bold } = paint(io);
  io.stdout(`\n${bold("worst case in time")}\n`);
  for (const { attempt, startsAtMs, upToMs, waitMs } of timeline.tries) {
    const wait = waitMs === 0 ? "" : `, after a wait of up to ${formatDuration(waitMs)}`;
    io.stdout(
      `try ${attempt}: starts by ${formatDuration(startsAtMs)}, takes up to ${formatDuration(upToMs)}${wait}\n`,
    );
  }
  if (timeline.note !== null) io.stdout(`${timeline.note}\n`);
  if (settings.mode === "async") io.stdout(spreadText(timeline, io));
  if (timeline.answeredByMs !== null) {
    const fallback = settings.fallback.map((f) => f.strategy).join(", then ") || "the error (fallback none)";
    io.stdout(
      `tries end by ${formatDuration(settings.timeoutMs)}; ${fallback}; the caller has an answer by ${formatDuration(timeline.answeredByMs)}\n`,
    );
  }
}

function spreadText(timeline: Explanation["timeline"], io: Io): string {
  const { length } = timeline.tries;
  const spreadMs = spreadOf(timeline);
  const spread = `where the app refuses at once, ${length === 1 ? "the one try is over" : `the ${length} tries are over within ${formatDuration(spreadMs)}`}`;
  if (spreadMs >= RESTART_MS) return `${spread}; then the job is in the dead-letter queue\n`;
  const advice = `an app that restarts may take longer: give the route ${PATIENT_RETRY}`;
  return `${spread}, and the job is in the dead-letter queue; ${paint(io).yellow(advice)}\n`;
}
