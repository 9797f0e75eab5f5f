import { UNKNOWN } from "./tree.ts";

/**
 * `${NAME}`, `${NAME:-default}` and `${file:/path}` inside scalars; `$${` is a literal `${`. A plain scalar is typed
 * again after replacement, as if the value had been written there; a quoted one stays text.
 */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Text of a file named relative to the manifest's own, or why it can't be read. */
  readonly readText: (path: string) => { readonly text: string } | { readonly error: string };
  /** Each value that must never be shown. */
  readonly secret: (value: string) => void;
  /** False for a file that others may write: then any replacement is refused. */
  readonly trusted: boolean;
}

const REFERENCE = /\$\$\{|\$\{([^}]*)\}?/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Names whose values are taken for secrets: a false alarm hides a host name, a miss prints a password. */
const SECRET_NAME = /SECRET|TOKEN|PASS|KEY|CREDENTIAL|AUTH|PRIVATE|SALT|DSN|WEBHOOK_URL|SLACK|DISCORD/i;

/** The scalar's value after replacements. Each thing wrong is told to `complain` once, with its index in the text. */
export function interpolate(
  text: string,
  plain: boolean,
  around: Surroundings,
  complain: (index: number, message: string) => void,
): unknown {
  if (!text.includes("${")) return text;
  let replaced = false;
  let unknown = false;
  const refuse = (index: number, message: string): string => {
    unknown = true;
    complain(index, message);
    return "";
  };
  const out = text.replace(REFERENCE, (whole: string, inner: string | undefined, index: number) => {
    if (inner === undefined) return "${";
    replaced = true;
    if (!whole.endsWith("}")) {
      return refuse(index, `\${ without its }; a literal \${ is written $\${`);
    }
    if (!around.trusted) {
      return refuse(index, `${whole} is not allowed in an included file while egress.default is public`);
    }
    const found = inner.startsWith("file:") ? fromFile(inner.slice(5), around) : fromEnvironment(inner, around);
    return "error" in found ? refuse(index, found.error) : found.text;
  });
  if (unknown) return UNKNOWN;
  return replaced && plain ? retype(out) : out;
}

function fromFile(path: string, around: Surroundings): { text: string } | { error: string } {
  const read = around.readText(path);
  if ("error" in read) return read;
  // Editors and `echo` end a file with a newline that is no part of the secret.
  const text = read.text.replace(/\r?\n$/, "");
  around.secret(text);
  return { text };
}

function fromEnvironment(inner: string, around: Surroundings): { text: string } | { error: string } {
  const split = inner.indexOf(":-");
  const name = split === -1 ? inner : inner.slice(0, split);
  if (!NAME.test(name)) {
    return { error: `\${${inner}} names no variable: expected \${NAME}, \${NAME:-default} or \${file:/path}` };
  }
  const value = around.env[name];
  // As in a shell, `:-` also stands in for a variable that is set to nothing.
  const text = split !== -1 && (value === undefined || value === "") ? inner.slice(split + 2) : value;
  if (text === undefined) {
    return { error: `the variable ${name} is not set: set it, or give a default with \${${name}:-…}` };
  }
  if (SECRET_NAME.test(name)) around.secret(text);
  return { text };
}

/** Types a text as YAML 1.2.2 section 10.3.2 types a plain scalar. */
function retype(text: string): unknown {
  if (/^(~|null|Null|NULL|)$/.test(text)) return null;
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(text)) return Number(text);
  if (/^0o[0-7]+$|^0x[0-9a-fA-F]+$/.test(text)) return Number(text);
  return text;
}
