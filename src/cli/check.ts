import { formatProblem, type LoadedManifest, loadManifest, type ManifestProblem } from "../manifest/load.ts";
import { originOf } from "../manifest/origin.ts";
import { PATIENT_RETRY, RESTART_MS, spreadOf, timelineOf } from "../manifest/timeline.ts";
import { formatDuration } from "../manifest/units.ts";
import { compileSchema } from "../policy/response.schema.ts";
import { askRedis, type RedisAnswer } from "./check.redis.ts";
import { type Command, type ExitCode, type Io, manifestPath, paint } from "./command.ts";

/** `check FILE…`: validates and proves manifests, and says every problem at once. */
export const checkCommand: Command = {
  name: "check",
  register(program, io, settle) {
    program
      .command("check [files...]")
      .description("validate and prove manifests; every problem as file:line:col path: message")
      .option("-c, --config <file>", "one more file to check; without any, $OUTRIGGER_CONFIG or config/outrigger.yaml")
      .option("--redis", "also ask the Redis of each whether it can keep what is promised")
      .option("--json", "for programs: one JSON document")
      .action(async (files: string[], options: Options) => {
        const named = options.config === undefined ? files : [...files, options.config];
        settle(await check(named.length > 0 ? named : [manifestPath(io, undefined)], options, io));
      });
  },
};

interface Options {
  readonly config?: string;
  readonly json?: true;
  readonly redis?: true;
}

interface Checked {
  readonly file: string;
  readonly ok: boolean;
  readonly hash: string | null;
  readonly apps: number;
  readonly routes: number;
  readonly problems: readonly ManifestProblem[];
  /** Null where it was not asked, or the manifest names none. */
  readonly redis: RedisAnswer | null;
}

/** Beside a spool on Redis: no manifest can say how that is configured. */
const ON_REDIS =
  "jobs are as safe as Redis keeps them: with appendfsync always no acknowledged one is lost, with everysec those of the last two seconds may be; outrigger check --redis asks it";

async function check(files: readonly string[], options: Options, io: Io): Promise<ExitCode> {
  const checked = await Promise.all(files.map((file) => checkOne(file, options.redis === true, io)));
  const ok = checked.every((one) => one.ok);
  if (options.json)
    io.stdout(`${JSON.stringify({ ok, files: checked.map(({ notes: _, ...one }) => one) }, null, 2)}\n`);
  else for (const one of checked) print(one, io);
  return ok ? 0 : 1;
}

async function checkOne(file: string, ask: boolean, io: Io): Promise<Checked & { readonly notes: readonly string[] }> {
  const loaded = loadManifest(file, { env: io.env, cwd: io.cwd, checkSchema: compileSchema });
  if (!loaded.ok)
    return { file, ok: false, hash: null, apps: 0, routes: 0, problems: loaded.error, redis: null, notes: [] };
  const { manifest, hash, warnings } = loaded.value;
  const spools = manifest.spool.driver === "redis";
  const redis = ask && manifest.redis !== null ? await askRedis(manifest.redis, spools) : null;
  const ok = (redis?.refusals.length ?? 0) === 0;
  const counts = { apps: manifest.apps.length, routes: manifest.routes.length };
  const notes = [...(spools && redis === null ? [ON_REDIS] : []), ...hastyRoutes(loaded.value)];
  return { file, ok, hash, ...counts, problems: warnings, redis, notes };
}

const NAMED = 3;

/** Nobody chose how long these are tried, and it is no longer than an app takes to restart. */
function hastyRoutes({ origins }: LoadedManifest): readonly string[] {
  const hasty = origins.routes.flatMap(({ settings, layers }) => {
    const chosen = ["attempts", "initial", "max", "factor"].some(
      (key) => originOf(layers, ["retry", key]).layer.kind !== "built-in",
    );
    const spreadMs = settings.mode === "async" && !chosen ? spreadOf(timelineOf(settings, "POST")) : RESTART_MS;
    return spreadMs < RESTART_MS ? [{ key: settings.key, spreadMs }] : [];
  });
  const [first] = hasty;
  if (first === undefined) return [];
  const names = hasty.slice(0, NAMED).map(({ key }) => key);
  const more = hasty.length > NAMED ? ` and ${hasty.length - NAMED} more` : "";
  return [
    `deliveries of ${names.join(", ")}${more} are dead within ${formatDuration(first.spreadMs)} where the app is down, as while it restarts; to wait for it, add ${PATIENT_RETRY}`,
  ];
}

function print({ file, ok, apps, routes, problems, redis, notes }: Awaited<ReturnType<typeof checkOne>>, io: Io): void {
  const { red, green, yellow } = paint(io);
  for (const warning of redis?.warnings ?? []) io.stderr(`${yellow(`${file} redis: warning: ${warning}`)}\n`);
  for (const refusal of redis?.refusals ?? []) io.stderr(`${red(`${file} redis: ${refusal}`)}\n`);
  for (const problem of problems) {
    const colour = problem.severity === "error" ? red : yellow;
    io.stderr(`${colour(formatProblem(problem))}\n`);
  }
  const inManifest = problems.filter((p) => p.severity === "error").length;
  const errors = inManifest + (redis?.refusals.length ?? 0);
  const warnings = problems.length - inManifest + (redis?.warnings.length ?? 0);
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
  const aside = warnings > 0 ? `, ${count(warnings, "warning")}` : "";
  if (ok) io.stdout(`${green("ok")} ${file}: ${count(apps, "app")}, ${count(routes, "route")}${aside}\n`);
  else
    io.stderr(
      `${red("refused")} ${file}: ${count(errors, "error")}${aside}; mend them and run outrigger check ${file} again\n`,
    );
  for (const note of notes) io.stdout(`note: ${note}\n`);
}
