import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepare } from "../../src/app/prepare.ts";
import { tempDir } from "../storage/support.ts";

/** What is said of a manifest that may not be applied. */

const app = (more = ""): string => `apps: { quiz: { owner: dev@quiz.example, url: "http://127.0.0.1:9"${more} } }\n`;

test("whatever it is refused for, a file that comes where its patterns look asks for a reload", () => {
  const dir = tempDir();
  mkdirSync(join(dir, "apps"));
  const file = join(dir, "outrigger.yaml");
  writeFileSync(file, `listen: { proxy: "127.0.0.1:0" }\n${app()}`);
  writeFileSync(join(dir, "ca.pem"), "no certificate");
  const first = prepare({ file, env: {}, standing: null });
  const standing = first.ok ? first.value.loaded.manifest : null;
  const refused = {
    "a wrong value": app(", timeout: soon"),
    "a file that is no certificate": app(', tls: { ca: "ca.pem" }'),
    "what can't change while running": `listen: { proxy: "127.0.0.1:1" }\n${app()}`,
  };
  for (const [why, text] of Object.entries(refused)) {
    writeFileSync(file, `include: ["apps/*.yaml"]\n${text}`);
    const prepared = prepare({ file, env: {}, standing });
    if (prepared.ok) throw new Error(`taken in spite of ${why}`);
    expect([...prepared.error.files.keys()], why).toContain(join(dir, "apps"));
  }
});

test("of two generations of a ConfigMap, swapped while it is read, one is taken whole", () => {
  const dir = tempDir();
  const route = (name: string, path: string): string =>
    `apps: { ${name}: { owner: a@b.example, url: "http://127.0.0.1:9", webhooks: { w: ${path} } } }\n`;
  for (const version of ["v1", "v2"]) {
    mkdirSync(join(dir, version));
    writeFileSync(join(dir, version, "outrigger.yaml"), `include: [more.yaml]\n${route("quiz", `/${version}`)}`);
    writeFileSync(join(dir, version, "more.yaml"), route("poll", `/${version}`));
  }
  symlinkSync("v1", join(dir, "..data"));
  for (const name of ["outrigger.yaml", "more.yaml"]) symlinkSync(`..data/${name}`, join(dir, name));
  let files = 0;
  const prepared = prepare({ file: join(dir, "outrigger.yaml"), env: {}, standing: null }, (what) => {
    if (what !== "files" || ++files !== 2) return;
    symlinkSync("v2", join(dir, "..tmp"));
    renameSync(join(dir, "..tmp"), join(dir, "..data"));
  });
  if (!prepared.ok) throw new Error("refused");
  expect(prepared.value.loaded.manifest.routes.map(({ path }) => path)).toEqual(["/v2", "/v2"]);
});

test("a file that changes at each reading is taken as it is after the third", () => {
  const file = join(tempDir(), "outrigger.yaml");
  writeFileSync(file, app());
  let readings = 0;
  const prepared = prepare({ file, env: {}, standing: null }, (what) => {
    if (what === "bytes") writeFileSync(file, `${app()}# ${"x".repeat(++readings)}\n`);
  });
  expect([prepared.ok, readings]).toEqual([true, 3]);
});
