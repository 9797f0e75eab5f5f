import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command as Program } from "commander";
import { parse } from "yaml";
import { type AlertRulesView, alertRulesSchema } from "../admin/alerts.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Client } from "./client.ts";
import type { ExitCode, Io } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { type Cell, table } from "./table.ts";
import type { Failure } from "./target.ts";

/** `alerts rules`, `alerts rules set FILE` and `alerts rules reset`: those in force, and others in their place. */
export function registerRules(alerts: Program, io: Io, settle: (code: ExitCode) => void): void {
  const rules = remoteOptions(alerts.command("rules"))
    .description("the rules in force, and where they come from; `rules set FILE` and `rules reset` change them")
    .action(async (options: RemoteOptions) => settle(await told(io, options, (client) => show(client))));
  remoteOptions(rules.command("set <file>"))
    .description("put the rules of a file, YAML or JSON, in place of the manifest's; all of them at once")
    .action(async (file: string, _own: RemoteOptions, command: Program) =>
      settle(await told(io, given(command), (client) => set(io, client, file))),
    );
  remoteOptions(rules.command("reset"))
    .description("go back to the manifest's rules")
    .action(async (_own: RemoteOptions, command: Program) =>
      settle(await told(io, given(command), (client) => client.del("/alerts/rules", alertRulesSchema))),
    );
}

/** `rules` has the same options, and takes them wherever they stand. */
const given = (command: Program): RemoteOptions => command.optsWithGlobals();

type Rules = Promise<Result<AlertRulesView, Failure>>;

const show = (client: Client): Rules => client.get("/alerts/rules", alertRulesSchema);

async function set(io: Io, client: Client, file: string): Rules {
  const rules = rulesOf(io, file);
  return rules.ok ? client.put("/alerts/rules", { rules: rules.value }, alertRulesSchema) : rules;
}

/** A list of rules, or what has one as `rules`: so that what `alerts rules --json` prints can be edited and set. */
function rulesOf(io: Io, file: string): Result<unknown, Failure> {
  const hint = "It takes a list of rules as in alerts.rules of the manifest, or what alerts rules --json prints";
  try {
    const found: unknown = parse(readFileSync(resolve(io.cwd, file), "utf8"), { maxAliasCount: 0 });
    const rules = typeof found === "object" && found !== null && "rules" in found ? found.rules : found;
    return Array.isArray(rules) ? ok(rules) : err({ wrong: `${file} has no list of rules`, hint });
  } catch (error) {
    const said = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    return err({ wrong: `${file} cannot be read: ${said}`, hint });
  }
}

function told(io: Io, options: RemoteOptions, ask: (client: Client) => Rules): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await ask(client);
    if (!answer.ok) return answer;
    io.stdout(options.json ? jsonText(answer.value) : rulesText(answer.value));
    return ok(0);
  });
}

function rulesText({ source, set_by: by, set_at: at, ...all }: AlertRulesView): string {
  const from = source === "manifest" ? "of the manifest" : `set by ${by} at ${at}, in place of the manifest's`;
  const rows = all.rules.map(({ name, metric, below, above, over, for: span, min_samples: least, ...rule }): Cell[] => [
    name,
    metric,
    [below === undefined ? [] : [`below ${below}`], above === undefined ? [] : [`above ${above}`]].flat().join(", ") ||
      "any",
    String(over ?? "-"),
    String(span ?? "-"),
    String(least ?? "-"),
    [...(rule.apps ?? []), ...(rule.capabilities ?? [])].join(", "),
  ]);
  const head = `${from}; checked every ${all.interval}, repeated every ${all.repeat_every}\n`;
  return rows.length === 0
    ? `no rules, ${head}`
    : head + table(["RULE", "METRIC", "TROUBLE", "OVER", "FOR", "SAMPLES", "ONLY"], rows);
}
