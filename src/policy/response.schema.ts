import { createContext, Script } from "node:vm";
import { Ajv, type AnySchemaObject, type ValidateFunction } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { err, ok, type Result } from "../core/result.ts";
import type { JsonObject, JsonValue } from "../core/settings.route.ts";

/**
 * JSON Schemas of the manifest, compiled when it loads. They are trusted, the responses they judge are not: a
 * response may be made so that an innocent pattern takes for ever. Hence a bound on the schema's size here, on the
 * response's by `response.max`, and on the time of every check that could take more than linear time.
 */

/** Null where `value` is as the schema says, else what rule it breaks. Never says anything of the value itself. */
export type SchemaCheck = (value: unknown) => string | null;

/** Of its JSON text. */
export const MAX_SCHEMA_BYTES = 256 * 1024;
const MAX_SCHEMA_DEPTH = 100;
/** For one check of one response. */
export const SCHEMA_CHECK_MS = 50;

const OPTIONS = {
  // A misspelt keyword would check nothing and nobody would know.
  strict: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allErrors: false,
  validateFormats: true,
  // Nothing is kept by its id: two routes may bring different schemas of one name, and a reload brings them again.
  addUsedSchema: false,
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
  const ajv = ajvFor(schema.$schema);
  if (ajv === null) return err("$schema names none of draft 2020-12, 2019-09 and draft-07");
  try {
    const validate = ajv.compile(schema as AnySchemaObject);
    ajv.removeSchema(schema as AnySchemaObject);
    return ok(needsWatch(schema) ? watched(validate) : plain(validate));
  } catch (error) {
    return err((error instanceof Error ? error.message : String(error)).slice(0, 500));
  }
}

type AnyAjv = Pick<Ajv, "compile" | "removeSchema">;
const instances = new Map<string, AnyAjv>();

// One instance a dialect, made when first asked for: compiling a dialect's own schema is most of the cost.
function ajvFor(dialect: JsonValue | undefined): AnyAjv | null {
  const name = dialect === undefined ? "2020" : dialectOf(dialect);
  if (name === null) return null;
  let ajv = instances.get(name);
  if (ajv === undefined) {
    const made = name === "2020" ? new Ajv2020(OPTIONS) : name === "2019" ? new Ajv2019(OPTIONS) : new Ajv(OPTIONS);
    addFormats.default(made);
    instances.set(name, made);
    ajv = made;
  }
  return ajv;
}

function dialectOf(dialect: JsonValue): "2020" | "2019" | "07" | null {
  switch (typeof dialect === "string" ? dialect.replace(/#$/, "") : null) {
    case "https://json-schema.org/draft/2020-12/schema":
      return "2020";
    case "https://json-schema.org/draft/2019-09/schema":
      return "2019";
    case "http://json-schema.org/draft-07/schema":
      return "07";
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

/** Keywords whose check may take more than linear time: backtracking, comparing all with all, recursion by choice. */
const COSTLY: ReadonlySet<string> = new Set([
  "pattern",
  "patternProperties",
  "uniqueItems",
  "$ref",
  "$dynamicRef",
  "$recursiveRef",
]);
/** Formats that are no regular expression, or a short one without a choice. */
const CHEAP_FORMATS: ReadonlySet<JsonValue> = new Set(["date", "time", "date-time", "uuid", "ipv4", "int32", "int64"]);

function needsWatch(schema: JsonValue): boolean {
  if (schema === null || typeof schema !== "object") return false;
  return Object.entries(schema).some(
    ([key, value]: [string, JsonValue]) =>
      COSTLY.has(key) || (key === "format" && !CHEAP_FORMATS.has(value)) || needsWatch(value),
  );
}

interface Run {
  validate: (value: unknown) => boolean;
  value: unknown;
}
const IDLE: Run = { validate: () => true, value: null };
const sandbox: Run = { ...IDLE };
let guard: (() => boolean) | null = null;

// The only way to stop synchronous code from inside its own thread is a script with a timeout. It costs a watchdog
// thread a call, so only the schemas that need one have it.
function watched(validate: ValidateFunction): SchemaCheck {
  guard ??= makeGuard();
  const run = guard;
  return (value) => {
    sandbox.validate = validate;
    sandbox.value = value;
    try {
      return run() ? null : brokenRule(validate);
    } catch {
      return `its check took more than ${SCHEMA_CHECK_MS} ms or too much memory`;
    } finally {
      Object.assign(sandbox, IDLE);
    }
  };
}

function makeGuard(): () => boolean {
  const context = createContext(sandbox);
  const script = new Script("validate(value)");
  return () => script.runInContext(context, { timeout: SCHEMA_CHECK_MS }) === true;
}

function deeperThan(value: JsonValue, depth: number): boolean {
  if (value === null || typeof value !== "object") return false;
  return depth === 0 || Object.values(value).some((child: JsonValue) => deeperThan(child, depth - 1));
}
