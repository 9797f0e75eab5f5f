import { formatProblem, loadManifest, type ManifestProblem } from "../manifest/load.ts";
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
const NOTE =
  "jobs are as safe as Redis keeps them: with appendfsync always no acknowledged one is lost, with everysec those of the last two seconds may be; outrigger check --redis asks it";

async function check(files: readonly string[], options: Options, io: Io): Promise<ExitCode> {
  const checked = await Promise.all(files.map((file) => checkOne(file, options.redis === true, io)));
  const ok = checked.every((one) => one.ok);
  if (options.json) io.stdout(`${JSON.stringify({ ok, files: checked.map(({ note: _, ...one }) => one) }, null, 2)}\n`);
  else for (const one of checked) print(one, io);
  return ok ? 0 : 1;
}

async function checkOne(file: string, ask: boolean, io: Io): Promise<Checked & { readonly note: string | null }> {
  const loaded = loadManifest(file, { env: io.env, cwd: io.cwd, checkSchema: compileSchema });
  if (!loaded.ok)
    return { file, ok: false, hash: null, apps: 0, routes: 0, problems: loaded.error, redis: null, note: null };
  const { manifest, hash, warnings } = loaded.value;
  const spools = manifest.spool.driver === "redis";
  const redis = ask && manifest.redis !== null ? await askRedis(manifest.redis, spools) : null;
  const ok = (redis?.refusals.length ?? 0) === 0;
  const counts = { apps: manifest.apps.length, routes: manifest.routes.length };
  return { file, ok, hash, ...counts, problems: warnings, redis, note: spools && redis === null ? NOTE : null };
}

function print({ file, ok, apps, routes, problems, redis, note }: Awaited<ReturnType<typeof checkOne>>, io: Io): void {
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
  if (note !== null) io.stdout(`note: ${note}\n`);
}
