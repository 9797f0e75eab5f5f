import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/**
 * A lock file without an entry for each optional package of another platform makes `npm ci` ask the registry for it,
 * and fail where the registry has no such package. npm itself leaves them out when it can't reach them.
 */
test("the lock file names every optional package of the locked ones, whatever the platform", () => {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Record<string, { version?: string; optional?: boolean; optionalDependencies?: Record<string, string> }>;
  };
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages))
      .map((name) => `${path} wants ${name}`),
  );
  expect(missing).toEqual([]);
});

test("the lock file records no download addresses: they are the registry's matter", () => {
  expect(readFileSync("package-lock.json", "utf8")).not.toContain('"resolved": "http');
});
