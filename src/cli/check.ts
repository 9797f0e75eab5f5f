import { formatProblem, loadManifest, type ManifestProblem } from "../manifest/load.ts";
import { compileSchema } from "../policy/response.schema.ts";
import { type Command, type ExitCode, type Io, manifestPath, paint } from "./command.ts";

/** `check FILE…`: validates and proves manifests, and says every problem at once. */
export const checkCommand: Command = {
  name: "check",
  register(program, io, settle) {
    program
      .command("check [files...]")
      .description("validate and prove manifests; every problem as file:line:col path: message")
      .option("-c, --config <file>", "one more file to check; without any, $OUTRIGGER_CONFIG or config/outrigger.yaml")
      .option("--json", "for programs: one JSON document")
      .action((files: string[], options: { config?: string; json?: true }) => {
        const named = options.config === undefined ? files : [...files, options.config];
        settle(check(named.length > 0 ? named : [manifestPath(io, undefined)], options.json === true, io));
      });
  },
};

interface Checked {
  readonly file: string;
  readonly ok: boolean;
  readonly hash: string | null;
  readonly apps: number;
  readonly routes: number;
  readonly problems: readonly ManifestProblem[];
}

function check(files: readonly string[], json: boolean, io: Io): ExitCode {
  const checked = files.map((file) => checkOne(file, io));
  const ok = checked.every((one) => one.ok);
  if (json) io.stdout(`${JSON.stringify({ ok, files: checked }, null, 2)}\n`);
  else for (const one of checked) print(one, io);
  return ok ? 0 : 1;
}

function checkOne(file: string, io: Io): Checked {
  const loaded = loadManifest(file, { env: io.env, cwd: io.cwd, checkSchema: compileSchema });
  if (!loaded.ok) return { file, ok: false, hash: null, apps: 0, routes: 0, problems: loaded.error };
  const { manifest, hash, warnings } = loaded.value;
  return { file, ok: true, hash, apps: manifest.apps.length, routes: manifest.routes.length, problems: warnings };
}

function print({ file, ok, apps, routes, problems }: Checked, io: Io): void {
  const { red, green, yellow } = paint(io);
  for (const problem of problems) {
    const colour = problem.severity === "error" ? red : yellow;
    io.stderr(`${colour(formatProblem(problem))}\n`);
  }
  const errors = problems.filter((p) => p.severity === "error").length;
  const warnings = problems.length - errors;
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
  const aside = warnings > 0 ? `, ${count(warnings, "warning")}` : "";
  if (ok) io.stdout(`${green("ok")} ${file}: ${count(apps, "app")}, ${count(routes, "route")}${aside}\n`);
  else
    io.stderr(
      `${red("refused")} ${file}: ${count(errors, "error")}${aside}; mend them and run outrigger check ${file} again\n`,
    );
}
