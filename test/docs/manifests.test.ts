import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Manifest } from "../../src/core/settings.ts";
import { loadManifest } from "../../src/manifest/load.ts";
import { fencedBlocks } from "../help/fenced.ts";
import { PAGES } from "../help/pages.ts";

/** Every manifest in the pages is good as it stands, and every link leads somewhere. */

const manifests = PAGES.flatMap((page) =>
  fencedBlocks(page)
    .filter(({ language }) => language === "yaml")
    .map(({ info, text }, i) => ({ name: `${page}, ${i + 1}`, info, text })),
);

/** Pages show the part that they speak of: what a route of `notify` names is completed, and so is the version. */
function load(text: string): Manifest {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-page-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, "data"));
  const file = join(dir, "page.yaml");
  writeFileSync(file, text.startsWith("version: 1\n") ? text : `version: 1\n${text}`);
  const loaded = loadManifest(file, { env: {}, cwd: dir });
  expect(loaded.ok ? [] : loaded.error).toEqual([]);
  if (!loaded.ok) throw new Error("said above");
  return loaded.value.manifest;
}

test.each(manifests)("the manifest $name is good", ({ text }) => {
  expect(load(text).version).toBe(1);
});

test("the alert rules that the operators' guide calls built in are those that a manifest without any has", () => {
  const [rules, ...more] = manifests.filter(({ info }) => info === "built-in");
  expect(more).toEqual([]);
  expect(load(rules?.text ?? "").alerts).toEqual(load("apps: {}\n").alerts);
});

test("troubleshooting names each built-in alert that outlasts what it was about, since it looks back over an hour", () => {
  const slow = load("apps: {}\n").alerts.rules.filter(({ overMs }) => overMs !== null);
  expect(slow.map(({ overMs }) => overMs)).toEqual(slow.map(() => 3_600_000));
  const names = slow.map(({ name }) => `\`${name}\``).join(" and ");
  expect(readFileSync("docs/guides/troubleshooting.md", "utf8")).toContain(
    `Of ${names}, which are measured over an hour`,
  );
});

/** As GitHub makes it of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");

test.each([...PAGES, "docs/reference.md", "docs/architecture.md", "docs/compare.md", "CONTRIBUTING.md", "SECURITY.md"])(
  "every link of %s leads to a file that is there, and to a heading of it",
  (page) => {
    const links = [...readFileSync(page, "utf8").matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const wrong = links
      .filter((link) => !/^https?:/.test(link))
      .filter((link) => {
        const [path = "", heading] = link.split("#");
        const file = path === "" ? page : join(dirname(page), path);
        if (!existsSync(file)) return true;
        if (heading === undefined) return false;
        const headings = [...readFileSync(file, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) => anchor(text));
        return !headings.includes(heading);
      });
    expect(wrong).toEqual([]);
  },
);
