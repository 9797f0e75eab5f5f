import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { dirname, extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type Context, Hono } from "hono";
import type { AdminEnv } from "./env.ts";

/**
 * The dashboard's files, as a browser gets them: read once, when somebody first asks, and held. From a checkout the
 * TypeScript is served with its types stripped; the published package has it compiled. Nothing comes from elsewhere.
 */

const FOLDER = fileURLToPath(new URL("./dashboard/", import.meta.url));
/** Where they are served; the page names them relatively, so it works below any prefix. */
const PREFIX = "dashboard/";
/** `.ts` here is `.js` in the published package. */
const CODE = extname(fileURLToPath(import.meta.url));

/** The libraries, by the names the code imports them by. Each file imports nothing but others of this list. */
const LIBRARIES: readonly { readonly name: string; readonly entry: string; readonly file: string }[] = [
  { name: "preact", entry: "preact", file: "preact.mjs" },
  { name: "preact/hooks", entry: "preact/hooks", file: "hooks.mjs" },
  // Packages whose entry for Node is another than the one for browsers beside it.
  { name: "htm", entry: "htm", file: "htm.module.js" },
  { name: "uplot", entry: "uplot", file: "uPlot.esm.js" },
];
const UPLOT_STYLE = "uPlot.min.css";

interface Asset {
  readonly type: string;
  readonly body: string;
  readonly etag: string;
}

interface Dashboard {
  readonly page: Asset;
  readonly policy: string;
  /** By path, as in `/dashboard/main.ts`. */
  readonly files: ReadonlyMap<string, Asset>;
}

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".ts": "text/javascript; charset=utf-8",
};

/** `/` and `/dashboard/…`: no token, since the page holds nothing but its code and asks for one. */
export function dashboardRoutes() {
  let loading: Promise<Dashboard> | null = null;
  const load = (): Promise<Dashboard> => {
    loading ??= loadDashboard().catch((error: unknown) => {
      // Asked again, it may be there again.
      loading = null;
      throw error;
    });
    return loading;
  };
  return new Hono<AdminEnv>()
    .get("/", async (c) => {
      const { page, policy } = await load();
      c.header("Content-Security-Policy", policy);
      return answer(c, page);
    })
    .get("/dashboard/*", async (c) => {
      const asset = (await load()).files.get(c.req.path);
      if (asset === undefined) return c.notFound();
      return answer(c, asset);
    });
}

function answer(c: Context<AdminEnv>, { type, body, etag }: Asset): Response {
  c.header("ETag", etag);
  // Asked about each time, so that an upgrade is seen at once.
  c.header("Cache-Control", "no-cache");
  if (c.req.header("if-none-match") === etag) return c.body(null, 304);
  c.header("Content-Type", type);
  return c.body(body, 200);
}

async function loadDashboard(): Promise<Dashboard> {
  const [own, libraries] = await Promise.all([ownFiles(), libraryFiles()]);
  const files = new Map([...own, ...libraries].map(([path, asset]) => [`/${PREFIX}${path}`, asset]));
  const { html, importMap } = pageOf([...own.keys()].sort());
  const hash = createHash("sha256").update(importMap).digest("base64");
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // Text never becomes markup here; a mistake that would let it is an error instead.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
  return { page: assetOf("text/html; charset=utf-8", html), policy, files };
}

/** All files of the folder, by their path in it. */
async function ownFiles(): Promise<Map<string, Asset>> {
  const entries = await readdir(FOLDER, { recursive: true, withFileTypes: true });
  const files = new Map<string, Asset>();
  for (const entry of entries) {
    const extension = extname(entry.name);
    if (!entry.isFile() || !SERVED.has(extension) || entry.name.endsWith(".d.ts")) continue;
    const file = join(entry.parentPath, entry.name);
    const text = await readFile(file, "utf8");
    const body = extension === ".ts" ? stripTypeScriptTypes(text) : text;
    files.set(relative(FOLDER, file).split(sep).join("/"), assetOf(TYPES[extension] as string, body));
  }
  return files;
}

const SERVED: ReadonlySet<string> = new Set([CODE, ".css", ".svg"]);

async function libraryFiles(): Promise<Map<string, Asset>> {
  const { resolve } = createRequire(import.meta.url);
  const places = [...LIBRARIES, { entry: "uplot", file: UPLOT_STYLE }];
  const files = new Map<string, Asset>();
  for (const { entry, file } of places) {
    const text = await readFile(join(dirname(resolve(entry)), file), "utf8");
    // Maps of the source are not served.
    const body = text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
    files.set(`lib/${file}`, assetOf(TYPES[extname(file)] as string, body));
  }
  return files;
}

function assetOf(type: string, body: string): Asset {
  return { type, body, etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"` };
}

/** The one page. All modules are named in its head, so that a slow line need not find them one after another. */
function pageOf(paths: readonly string[]): { html: string; importMap: string } {
  const imports = Object.fromEntries(LIBRARIES.map(({ name, file }) => [name, `./${PREFIX}lib/${file}`]));
  const importMap = JSON.stringify({ imports });
  const styles = [`lib/${UPLOT_STYLE}`, ...paths.filter((path) => path.endsWith(".css"))];
  const modules = [...LIBRARIES.map(({ file }) => `lib/${file}`), ...paths.filter((path) => path.endsWith(CODE))];
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Outrigger</title>
<link rel="icon" type="image/svg+xml" href="${PREFIX}icon.svg">
${styles.map((path) => `<link rel="stylesheet" href="${PREFIX}${path}">`).join("\n")}
<script type="importmap">${importMap}</script>
${modules.map((path) => `<link rel="modulepreload" href="${PREFIX}${path}">`).join("\n")}
<script type="module" src="${PREFIX}main${CODE}"></script>
</head>
<body>
<div id="app"></div>
<noscript>The dashboard needs JavaScript. Everything it shows, <code>outrigger status</code> tells on a terminal.</noscript>
</body>
</html>
`;
  return { html, importMap };
}
