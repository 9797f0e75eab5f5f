import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseDocument } from "yaml";
import type { Address } from "../core/settings.ts";
import { interpolate } from "./interpolate.ts";
import { parseAddress } from "./schema.values.ts";

/** Where the sidecar of a manifest is, as far as a file that is refused still says it. */
export interface Whereabouts {
  readonly admin: Address;
  /** Absolute. */
  readonly dataDir: string;
  /** An operator's, before a viewer's; null where the file has none that can be read. */
  readonly token: string | null;
}

/**
 * Reads only what a command needs to find a sidecar, and looks at nothing else: after a refused reload the file is
 * wrong, and that is when somebody asks. Null where it does not even say that.
 */
export function whereabouts(
  file: string,
  { env, cwd }: { readonly env: Readonly<Record<string, string | undefined>>; readonly cwd: string },
): Whereabouts | null {
  const path = resolve(cwd, file);
  const tree = treeOf(path);
  const text = (node: unknown): string | null => (typeof node === "string" ? filledIn(node, env) : null);
  const listen = at(tree, "listen", "admin");
  const written = listen === undefined ? DEFAULT_ADMIN : text(listen);
  const admin = written === null ? null : parseAddress(written);
  const dir = at(tree, "data_dir") === undefined ? DEFAULT_DATA_DIR : text(at(tree, "data_dir"));
  if (tree === null || admin === null || dir === null) return null;
  const tokens = at(tree, "admin", "tokens");
  const list: readonly unknown[] = Array.isArray(tokens) ? tokens : [];
  const chosen = list.find((one) => at(one, "role") === "operator") ?? list[0];
  const beside = (name: string): string => resolve(dirname(path), name);
  const own = admin.kind === "unix" ? { ...admin, path: beside(admin.path) } : admin;
  return { admin: own, dataDir: beside(dir), token: text(at(chosen, "token")) };
}

const DEFAULT_ADMIN = "127.0.0.1:9090";
const DEFAULT_DATA_DIR = "./data";

/** What a YAML text says up to where it breaks; null for no mapping. */
function treeOf(path: string): object | null {
  try {
    const tree: unknown = parseDocument(readFileSync(path, "utf8"), { logLevel: "silent" }).toJS({
      maxAliasCount: 100,
    });
    return typeof tree === "object" && tree !== null && !Array.isArray(tree) ? tree : null;
  } catch {
    return null;
  }
}

function at(node: unknown, ...path: readonly string[]): unknown {
  let found = node;
  for (const key of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  return found;
}

/** Null where a variable is missing. */
function filledIn(text: string, env: Readonly<Record<string, string | undefined>>): string | null {
  let wrong = false;
  const around = { env, readText: () => ({ error: "not read" }), secret: () => undefined, trusted: true };
  const value = interpolate(text, false, around, () => {
    wrong = true;
  });
  return wrong || typeof value !== "string" ? null : value;
}
