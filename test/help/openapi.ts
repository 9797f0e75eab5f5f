import fc from "fast-check";

/** What `docs/openapi.json` says, as far as one who only knows it needs it to ask and to check the answers. */
export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema?: Schema }>> }>>;
}

export interface Parameter {
  readonly in: string;
  readonly name: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

export type Schema = Readonly<Record<string, unknown>>;

/** A request as it goes out. */
export interface Made {
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** The document, in which references are followed, and values worth trying where something has that name. */
export interface Context {
  readonly root: unknown;
  readonly known: Readonly<Record<string, readonly string[]>>;
}

function valuesOf(schema: Schema, context: Context, depth = 0): fc.Arbitrary<unknown> {
  if (typeof schema.$ref === "string") return valuesOf(followed(schema.$ref, context.root), context, depth);
  const choices = (schema.anyOf ?? schema.oneOf) as readonly Schema[] | undefined;
  if (choices !== undefined) return fc.oneof(...choices.map((one) => valuesOf(one, context, depth)));
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]));
  if ("const" in schema) return fc.constant(schema.const);
  const types = [schema.type].flat() as string[];
  return fc.oneof(...types.map((type) => ofType(type, schema, context, depth)));
}

function ofType(type: string | undefined, schema: Schema, context: Context, depth: number): fc.Arbitrary<unknown> {
  const number = (name: string): number | undefined =>
    typeof schema[name] === "number" ? (schema[name] as number) : undefined;
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: number("minimum") ?? -1_000_000, max: Math.min(number("maximum") ?? 1_000_000, 1e9) });
    case "number":
      return fc.double({ min: number("minimum") ?? -1e6, max: number("maximum") ?? 1e6, noNaN: true });
    case "string":
      return strings(schema, number("maxLength"));
    case "array": {
      const items = valuesOf((schema.items as Schema | undefined) ?? {}, context, depth + 1);
      return fc.array(items, { minLength: number("minItems") ?? 0, maxLength: Math.min(number("maxItems") ?? 3, 3) });
    }
    case "object": {
      const entries = Object.entries((schema.properties as Record<string, Schema> | undefined) ?? {});
      const values = Object.fromEntries(
        entries.map(([name, one]) => [name, named(name, valuesOf(one, context, depth + 1), context)]),
      );
      return fc.record(values, { requiredKeys: (schema.required as string[] | undefined) ?? [] });
    }
    default:
      return depth > 3 ? fc.constant(null) : fc.jsonValue({ maxDepth: 2 });
  }
}

function named(name: string, values: fc.Arbitrary<unknown>, { known }: Context): fc.Arbitrary<unknown> {
  const given = Object.hasOwn(known, name) ? (known[name] as readonly string[]) : [];
  return given.length === 0 ? values : fc.oneof({ arbitrary: fc.constantFrom(...given), weight: 3 }, values);
}

function strings(schema: Schema, maxLength = 60): fc.Arbitrary<string> {
  const example = typeof schema.example === "string" ? [fc.constant(schema.example)] : [];
  if (schema.format === "date-time") {
    const range = { min: new Date("2025-01-01"), max: new Date("2028-01-01"), noInvalidDate: true };
    return fc.date(range).map((date) => date.toISOString());
  }
  if (typeof schema.pattern === "string") return fc.oneof(...example, fc.stringMatching(new RegExp(schema.pattern)));
  return fc.oneof(...example, fc.string({ unit: "binary", maxLength: Math.min(maxLength, 60) }));
}

function followed(reference: string, root: unknown): Schema {
  const keys = reference.slice(2).split("/");
  return keys.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], root) as Schema;
}

/** Requests as the description says they may be. */
export function requestsOf(path: string, operation: Operation, context: Context): fc.Arbitrary<Made> {
  const right = (one: Parameter): fc.Arbitrary<unknown> => {
    const values = named(one.name, valuesOf(one.schema, context), context);
    return one.required === true ? values : fc.option(values, { nil: undefined, freq: 1 });
  };
  return made(path, operation, right, (schema) => valuesOf(schema, context).map((value) => JSON.stringify(value)));
}

/** Requests that something is wrong with, or may be: values of any kind, bodies that are no JSON, or of another kind. */
export function wrongRequestsOf(path: string, operation: Operation, context: Context): fc.Arbitrary<Made> {
  const any = fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.integer(), fc.constantFrom("-1", "1e9", "a/b"));
  const wrong = (one: Parameter): fc.Arbitrary<unknown> =>
    one.required === true ? any : fc.option(fc.oneof(any, valuesOf(one.schema, context)), { nil: undefined });
  const bodies = (schema: Schema): fc.Arbitrary<string> =>
    fc.oneof(
      fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
      fc.string({ unit: "binary", maxLength: 40 }),
      fc
        .tuple(valuesOf(schema, context), fc.jsonValue({ maxDepth: 1 }), fc.nat())
        .map(([value, other, at]) => JSON.stringify(spoiled(value, other, at))),
    );
  return made(path, operation, wrong, bodies);
}

/** One member of it is another value. */
function spoiled(value: unknown, other: unknown, at: number): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return other;
  const names = [...Object.keys(value), "__proto__"];
  return { ...value, [names[at % names.length] as string]: other };
}

function made(
  path: string,
  { parameters = [], requestBody }: Operation,
  someOf: (one: Parameter) => fc.Arbitrary<unknown>,
  bodyOf: (schema: Schema) => fc.Arbitrary<string>,
): fc.Arbitrary<Made> {
  const values = fc.record(Object.fromEntries(parameters.map((one, i) => [String(i), someOf(one)])));
  const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const body = content?.schema === undefined ? fc.constant(null) : bodyOf(content.schema);
  return fc.tuple(values, body).map(([given, text]) => {
    let target = path;
    const query = new URLSearchParams();
    const headers: Record<string, string> = text === null || type === undefined ? {} : { "Content-Type": type };
    for (const [i, one] of parameters.entries()) {
      const value = given[String(i)];
      if (value === undefined) continue;
      if (one.in === "path") target = target.replace(`{${one.name}}`, segment(value));
      else if (one.in === "query")
        for (const each of [value].flat()) query.append(one.name, String(each).toWellFormed());
    }
    return { path: query.size === 0 ? target : `${target}?${query}`, headers, body: text };
  });
}

/** What makes another path of it, before it is sent or by what it means, would be another request. */
function segment(value: unknown): string {
  const text = encodeURIComponent(String(value).toWellFormed());
  return text === "" || text === "." || text === ".." ? "x" : text;
}
