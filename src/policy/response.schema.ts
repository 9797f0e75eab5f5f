import { createContext, Script } from "node:vm";
import { Ajv, type AnySchemaObject, type Options, type ValidateFunction } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
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

function createAjv(dialect: Dialect, options: Options): AnyAjv {
  const ajv =
    dialect === "2020-12" ? new Ajv2020(options) : dialect === "2019-09" ? new Ajv2019(options) : new Ajv(options);
  addFormats.default(ajv);
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

interface Run {
  validate: (value: unknown) => boolean;
  value: unknown;
}
const IDLE: Run = { validate: () => true, value: null };
const sandbox: Run = { ...IDLE };
let guard: ((limitMs: number) => boolean) | null = null;

// The only way to stop synchronous code from inside its own thread is a script with a timeout. It costs a watchdog
// thread a call (a quarter of a millisecond), so only the schemas that need one have it.
function watched(validate: ValidateFunction): SchemaCheck {
  guard ??= makeGuard();
  const run = guard;
  return (value, bytes, budget) => {
    const limitMs = budget.limitMs(bytes);
    if (limitMs === null) return "it was not checked against its schema: checks took too long a moment ago";
    sandbox.validate = validate;
    sandbox.value = value;
    const before = threadCpuMs();
    try {
      return run(limitMs) ? null : brokenRule(validate);
    } catch {
      return `its schema check took too long (more than ${limitMs} ms) or too much memory`;
    } finally {
      budget.spend(bytes, threadCpuMs() - before);
      Object.assign(sandbox, IDLE);
    }
  };
}

function makeGuard(): (limitMs: number) => boolean {
  const context = createContext(sandbox);
  const script = new Script("validate(value)");
  return (limitMs) => script.runInContext(context, { timeout: limitMs }) === true;
}

function deeperThan(value: JsonValue, depth: number): boolean {
  if (value === null || typeof value !== "object") return false;
  return depth === 0 || Object.values(value).some((child: JsonValue) => deeperThan(child, depth - 1));
}
