import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type OutputChunk, rolldown } from "rolldown";
import { type Library, librariesOf, licencesOf } from "./licences.ts";
import { places } from "./places.ts";

/**
 * `npm run build`: what is published. One file for each program, with the libraries that it loads at every start: a start
 * that reads, resolves and compiles 880 modules one by one takes half as long again, and keeps 9 MB more.
 */

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DASHBOARD = "src/admin/dashboard";

/** Each is started or loaded by its name, so it keeps its place. */
const PROGRAMS = [
  "main",
  "storage/thread",
  "storage/check",
  "app/reading.program",
  "cli/demo/toy-app",
  "cli/demo/tether",
];

/** These find files of their own beside them, or are loaded by few and late. */
const APART = [
  "@octokit/webhooks-examples",
  "ajv",
  "ajv-formats",
  "better-sqlite3",
  "bullmq",
  "ioredis",
  "nodemailer",
  "undici",
];

const LICENCES = "LICENCES.txt";

const { values } = parseArgs({ options: { out: { type: "string", default: join(ROOT, "dist") } } });
const out = resolve(values.out);
if (existsSync(out) && readdirSync(out).length > 0 && out !== join(ROOT, "dist") && !existsSync(join(out, LICENCES))) {
  throw new Error(`${out} holds something else than a build: name an empty folder, or none`);
}
rmSync(out, { recursive: true, force: true });
await bundle();
dashboard();

async function bundle(): Promise<void> {
  const bundled = await rolldown({
    cwd: ROOT,
    input: Object.fromEntries(PROGRAMS.map((name) => [name, `src/${name}.ts`])),
    platform: "node",
    external: new RegExp(`^(?:${APART.join("|")})(?:/|$)`),
    plugins: [places(join(ROOT, "src"))],
    // What can't be resolved, say, is only told as a warning.
    onLog(level, { message }) {
      if (level === "warn") throw new Error(message);
    },
  });
  const { output } = await bundled.write({
    dir: out,
    format: "esm",
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: "parts/[name]-[hash].js",
  });
  await bundled.close();
  const chunks = output.filter((chunk) => chunk.type === "chunk");
  const libraries = librariesOf(chunks.flatMap(({ moduleIds }) => moduleIds));
  demandDependencies(chunks, libraries);
  writeFileSync(join(out, LICENCES), licencesOf(libraries));
}

/** Who installs the package has none of what only we develop with. */
function demandDependencies(chunks: readonly OutputChunk[], libraries: readonly Library[]): void {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<
    "dependencies" | "devDependencies",
    Readonly<Record<string, string>>
  >;
  const files = new Set(chunks.map(({ fileName }) => fileName));
  const asked = chunks
    .flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])
    .filter((name) => !files.has(name) && !name.startsWith("node:"))
    .map((name) => name.split("/", name.startsWith("@") ? 2 : 1).join("/"));
  const wrong = [
    ...asked.filter((name) => !(name in dependencies)),
    ...libraries.map(({ name }) => name).filter((name) => name in devDependencies),
  ];
  if (wrong.length > 0) throw new Error(`no dependency of the package: ${[...new Set(wrong)].join(", ")}`);
}

/** For browsers: modules as they are, which import the libraries that the admin listener serves. */
function dashboard(): void {
  const folder = join(out, "admin/dashboard");
  const compiler = join(ROOT, "node_modules/.bin/tsc");
  execFileSync(compiler, ["-p", join(ROOT, DASHBOARD, "tsconfig.build.json"), "--outDir", folder], {
    stdio: "inherit",
  });
  mkdirSync(folder, { recursive: true });
  for (const file of globSync(`${ROOT}/${DASHBOARD}/*.{css,svg}`)) copyFileSync(file, join(folder, basename(file)));
}
