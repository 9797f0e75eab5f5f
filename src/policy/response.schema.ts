import { createRequire } from "node:module";
import { createContext, Script } from "node:vm";
import type { Ajv, AnySchemaObject, Options, ValidateFunction } from "ajv";
import type { Ajv2019 } from "ajv/dist/2019.js";
import type { Ajv2020 } from "ajv/dist/2020.js";
import { threadCpuMs } from "../core/clock.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { JsonObject, JsonValue } from "../core/settings.route.ts";
import type { SchemaBudget } from "./response.schema.budget.ts";
import { isCostly } from "./response.schema.cost.ts";

/**
 * JSON Schemas of the manifest, compiled when it loads. They are trusted, the responses they judge are not: a
 * response may be made so that an innocent pattern takes for ever. Hence a bound on the schema's size here, on the
 * response's by `response.max`, and on the time of all checks together that could take more than linear time
 * (response.schema.budget). A response that could not be checked is a broken one: to pass it on unchecked would let an
 * app switch its schema off.
 */

/**
 * Null where `value`, of so many bytes as text, is as the schema says; else what rule it breaks, or why it could not be
 * checked. Never says anything of the value itself.
 */
export type SchemaCheck = (value: unknown, bytes: number, budget: SchemaBudget) => string | null;

/** Of its JSON text. */
export const MAX_SCHEMA_BYTES = 256 * 1024;
const MAX_SCHEMA_DEPTH = 100;
const MAX_MESSAGE = 500;

const OPTIONS = {
  // A misspelt keyword would check nothing and nobody would know.
  strict: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allErrors: false,
  validateFormats: true,
  logger: false,
} as const;

const compiled = new WeakMap<JsonObject, Result<SchemaCheck, string>>();

/**
 * Compiles a schema (draft 2020-12, or the 2019-09 or draft-07 that `$schema` names). The error says in a clause why
 * it does not compile. References go inside the schema only: nothing is fetched.
 */
export function compileSchema(schema: JsonObject): Result<SchemaCheck, string> {
  let result = compiled.get(schema);
  if (result === undefined) {
    result = compileAnew(schema);
    compiled.set(schema, result);
  }
  return result;
}

function compileAnew(schema: JsonObject): Result<SchemaCheck, string> {
  if (deeperThan(schema, MAX_SCHEMA_DEPTH)) return err(`it is nested deeper than ${MAX_SCHEMA_DEPTH} levels`);
  if (Buffer.byteLength(JSON.stringify(schema)) > MAX_SCHEMA_BYTES) {
    return err(`it is larger than ${MAX_SCHEMA_BYTES / 1024} KiB`);
  }
  const dialect = dialectOf(schema.$schema);
  if (dialect === null) return err("$schema names none of draft 2020-12, 2019-09 and draft-07");
  try {
    const judge = dialectJudge(dialect);
    if (judge.validateSchema(schema as AnySchemaObject) !== true) {
      return err(judge.errorsText(judge.errors, { dataVar: "it" }).slice(0, MAX_MESSAGE));
    }
    // An instance of its own: instances keep what schemas name, and two schemas may use one name.
    const ajv = createAjv(dialect, { ...OPTIONS, meta: false, validateSchema: false });
    const validate = ajv.compile(schema as AnySchemaObject);
    return ok(isCostly(schema) ? watched(validate) : plain(validate));
  } catch (error) {
    return err((error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE));
  }
}

type Dialect = "2020-12" | "2019-09" | "draft-07";
type AnyAjv = Ajv | Ajv2019 | Ajv2020;
const judges = new Map<Dialect, AnyAjv>();

/** Says whether schemas of a dialect are well formed. Shared, since compiling the dialect's own schema is slow. */
function dialectJudge(dialect: Dialect): AnyAjv {
  let judge = judges.get(dialect);
  if (judge === undefined) {
    judge = createAjv(dialect, OPTIONS);
    judges.set(dialect, judge);
  }
  return judge;
}

/** Loaded with the first schema, and at once: a manifest without any has no use for it. */
const load = createRequire(import.meta.url);

const MODULES: Readonly<Record<Dialect, string>> = {
  "2020-12": "ajv/dist/2020.js",
  "2019-09": "ajv/dist/2019.js",
  "draft-07": "ajv",
};

function createAjv(dialect: Dialect, options: Options): AnyAjv {
  const { default: Dialected } = load(MODULES[dialect]) as { readonly default: new (options: Options) => AnyAjv };
  const { default: addFormats } = load("ajv-formats") as { readonly default: (ajv: AnyAjv) => void };
  const ajv = new Dialected(options);
  addFormats(ajv);
  return ajv;
}

function dialectOf(dialect: JsonValue | undefined): Dialect | null {
  if (dialect === undefined) return "2020-12";
  switch (typeof dialect === "string" ? dialect.replace(/#$/, "") : null) {
    case "https://json-schema.org/draft/2020-12/schema":
      return "2020-12";
    case "https://json-schema.org/draft/2019-09/schema":
      return "2019-09";
    case "http://json-schema.org/draft-07/schema":
      return "draft-07";
    default:
      return null;
  }
}

function plain(validate: ValidateFunction): SchemaCheck {
  return (value) => (validate(value) ? null : brokenRule(validate));
}

// Where in the schema, not where in the response: names in a response may be somebody's data.
function brokenRule(validate: ValidateFunction): string {
  return `it breaks the schema's rule ${validate.errors?.[0]?.schemaPath ?? "#"}`.slice(0, 200);
}

function watched(validate: ValidateFunction): SchemaCheck {
  return (value, bytes, budget) => {
    for (let again = false; ; again = true) {
      const limitMs = budget.limitMs(bytes);
      if (limitMs === null) return "it was not checked against its schema: checks took too long a moment ago";
      const { good, usedMs } = runWatched(validate, value, limitMs);
      budget.spend(bytes, usedMs);
      if (good !== null) return good ? null : brokenRule(validate);
      // Where it hardly had the processor, it was the machine that was slow, not the check: once more, then.
      if (again || usedMs > limitMs / 2) {
        return `its schema check took too long (more than ${limitMs} ms) or too much memory`;
      }
    }
  };
}

interface Sandbox {
  validate: (value: unknown) => void;
  value: unknown;
}
const IDLE: Sandbox = { validate: () => {}, value: null };
const sandbox: Sandbox = { ...IDLE };
let guard: ((limitMs: number) => void) | null = null;

/**
 * Runs it for `limitMs` at most: null where it was stopped, or ran out of stack. The only way to stop synchronous code
 * from inside its own thread is a script with a timeout. It costs a watchdog thread a call (a quarter of a millisecond),
 * so only the schemas that need one have it.
 */
function runWatched(
  validate: ValidateFunction,
  value: unknown,
  limitMs: number,
): { readonly good: boolean | null; readonly usedMs: number } {
  guard ??= makeGuard();
  // Read inside of the watch, whose own cost is no doing of the answer, and on a busy machine many times the check's.
  let startedMs: number | null = null;
  let endedMs: number | null = null;
  let good: boolean | null = null;
  sandbox.validate = (given) => {
    startedMs = threadCpuMs();
    good = validate(given);
    endedMs = threadCpuMs();
  };
  sandbox.value = value;
  try {
    guard(limitMs);
  } catch {
    // Stopped: before its end, or after it, where the watchdog thread was woken late. Then the result stands.
  }
  Object.assign(sandbox, IDLE);
  return { good, usedMs: startedMs === null ? 0 : (endedMs ?? threadCpuMs()) - startedMs };
}

function makeGuard(): (limitMs: number) => void {
  const context = createContext(sandbox);
  const script = new Script("validate(value)");
  return (limitMs) => {
    script.runInContext(context, { timeout: limitMs });
  };
}

function deeperThan(value: JsonValue, depth: number): boolean {
  if (value === null || typeof value !== "object") return false;
  return depth === 0 || Object.values(value).some((child: JsonValue) => deeperThan(child, depth - 1));
}
