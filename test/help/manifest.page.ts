/** A node of the manifest's JSON Schema, as far as the page needs it. */
interface Node {
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly allOf?: readonly Node[];
  readonly items?: Node | readonly Node[];
  readonly definitions?: Readonly<Record<string, Node>>;
  readonly $ref?: string;
}

/** docs/manifest.md: every key of the schema in a line of its own, with the schema's own words. */
export function manifestPage(schema: Node): string {
  const sections = Object.entries(schema.definitions ?? {}).map(
    ([name, node]) => `## ${name}\n\n${node.description ?? ""}\n\n${lines(node, "").join("\n")}\n`,
  );
  const head =
    "# Manifest\n\nEvery key, in the words of [the JSON Schema](../config/outrigger.schema.json), from which this page is\n" +
    "made: it is not edited. `{name}` is a name of your choice, `[]` an item of a list. In brackets is\n" +
    "what may stand there: a duration is written as in `500ms`, `10s` or `1h`, a size as in `64KiB` or `1MiB`. Keys that\n" +
    "this version does not support are refused by `outrigger check`.\n";
  const top = `## Top level\n\n${lines(schema, "").join("\n")}\n`;
  return `${[head, top, ...sections].join("\n").replaceAll(/\n{3,}/g, "\n\n")}`;
}

/** The keys below `node`, each once, however many forms it may have. */
function lines(node: Node, path: string): string[] {
  const found = [
    ...Object.entries(node.properties ?? {}).flatMap(([key, inner]) =>
      line(inner, path === "" ? key : `${path}.${key}`),
    ),
    ...(typeof node.additionalProperties === "object" ? line(node.additionalProperties, `${path}.{name}`) : []),
    ...formsOf(node).flatMap((form) => lines(form, path)),
    ...[node.items ?? []].flat().flatMap((item) => lines(item as Node, `${path}[]`)),
  ];
  return [...new Map(found.map((text) => [/`[^`]+`/.exec(text)?.[0], text])).values()];
}

function formsOf({ anyOf = [], oneOf = [], allOf = [] }: Node): readonly Node[] {
  return [...anyOf, ...oneOf, ...allOf];
}

function line(node: Node, path: string): string[] {
  const refs = [node, ...formsOf(node)].flatMap(({ $ref }) => $ref ?? []);
  const see = refs
    .map((ref) => ref.replace("#/definitions/", ""))
    .map((name) => ` See [${name}](#${name.toLowerCase()}).`);
  const said = `${node.description ?? ""}${see.join("")}`.trim();
  const kinds = kindsOf(node);
  const kind = kinds.length === 0 ? "" : ` (${kinds.join(" or ")})`;
  return [`- \`${path}\`${kind}${said === "" ? "" : `: ${said}`}`, ...lines(node, path)];
}

/** What a value may be, each form once. A reference to a variable, which any value may be, is none. */
function kindsOf(node: Node): readonly string[] {
  if (node.const !== undefined) return [String(node.const)];
  if (node.enum !== undefined) return node.enum.map(String);
  const forms = formsOf(node).filter(({ pattern }) => pattern !== "\\$\\{");
  const unit = forms.map(({ pattern = "" }) =>
    pattern.includes("(ms|") ? "duration" : pattern.includes("KiB") ? "size" : null,
  );
  const named = unit.find((name) => name !== null);
  if (named !== undefined) return [named as string];
  if (forms.length > 0) return [...new Set(forms.flatMap(kindsOf))];
  return kindOf(node);
}

function kindOf({ type, minimum, maximum }: Node): readonly string[] {
  switch (type) {
    case "integer":
    case "number":
      return [minimum === undefined || maximum === undefined ? "number" : `${minimum} to ${maximum}`];
    case "boolean":
      return ["true", "false"];
    case "string":
      return ["text"];
    case "array":
      return ["list"];
    default:
      return [];
  }
}
