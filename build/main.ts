import { execFileSync } from "node:child_process";
import { copyFileSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";
import { licencesOf } from "./licences.ts";
import { places } from "./places.ts";

/**
 * `npm run build`: what is published. One file for each program, with the libraries that it loads at every start: a start
 * that reads, resolves and compiles nine hundred modules one by one takes half as long again, and keeps 9 MB more.
 */

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DASHBOARD = "src/admin/dashboard";

/** Each is started or loaded by its name, so it keeps its place. */
const PROGRAMS = [
  "main",
  "storage/thread",
  "storage/check",
  "app/reading.thread",
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

const { values } = parseArgs({ options: { out: { type: "string", default: join(ROOT, "dist") } } });
const out = resolve(values.out);
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
  });
  const { output } = await bundled.write({
    dir: out,
    format: "esm",
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: "parts/[name]-[hash].js",
  });
  await bundled.close();
  const modules = output.flatMap((chunk) => (chunk.type === "chunk" ? chunk.moduleIds : []));
  writeFileSync(join(out, "LICENCES.txt"), licencesOf(modules));
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
