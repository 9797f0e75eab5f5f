import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A library of which something is copied into what is built. */
export interface Library {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
}

/** Those that `modules` belong to. */
export function librariesOf(modules: readonly string[]): Library[] {
  const folders = new Set<string>();
  for (const id of modules) {
    const [, folder] = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id) ?? [];
    if (folder !== undefined) folders.add(folder);
  }
  return [...folders].map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Library;
    return { name, version, folder };
  });
}

/** Packages that have no text of their own: they are of the same people, under the same licence. */
const SAME_AS: Readonly<Record<string, string>> = { "@hono/zod-openapi": "hono", "@hono/zod-validator": "hono" };

const TEXTS = "{LICENSE,LICENCE,License,license,COPYING,NOTICE,notice}*";

/** What they ask to go with each copy. Throws where there is nothing to give. */
export function licencesOf(libraries: readonly Library[]): string {
  const texts = libraries.map(({ name, version, folder }) => {
    const same = SAME_AS[name];
    const place = same === undefined ? folder : join(folder.slice(0, -name.length), same);
    const files = globSync(TEXTS, { cwd: place });
    if (files.length === 0)
      throw new Error(`${name} ${version} has no licence text: say in build/licences.ts whose it has`);
    const told = files.map((file) => readFileSync(join(place, file), "utf8").trim());
    return `${name} ${version}\n\n${told.join("\n\n")}\n`;
  });
  return texts.toSorted().join(`\n${"-".repeat(80)}\n\n`);
}
