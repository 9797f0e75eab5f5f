import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyOf, type Instruction, stagesOf } from "../help/dockerfile.ts";

/**
 * The Dockerfile, as far as it can be run without an engine: its steps are done one by one in clean directories, with
 * this machine's Node in the image's place, and what comes of them is started as the image would start it.
 */

const TEXT = readFileSync("deploy/docker/Dockerfile", "utf8");
const [build, image] = stagesOf(TEXT) as [Instruction[], Instruction[]];

let root: string;
/** Where a path of a stage is on this machine. */
const inStage = (stage: string, path: string): string => join(root, stage, path);

/** What of the checkout the build may see: only what Dockerfile.dockerignore lets in. */
const allowed = readFileSync("deploy/docker/Dockerfile.dockerignore", "utf8")
  .split("\n")
  .filter((line) => line.startsWith("!"))
  .map((line) => line.slice(1));

function run(stage: string, instructions: readonly Instruction[]): void {
  let cwd = "/";
  for (const { name, rest } of instructions) {
    if (name === "WORKDIR") {
      cwd = rest;
      mkdirSync(inStage(stage, cwd), { recursive: true });
    } else if (name === "COPY") copy(stage, cwd, rest);
    else if (name === "RUN") execFileSync("sh", ["-c", rest], { cwd: inStage(stage, cwd), stdio: "pipe" });
  }
}

function copy(stage: string, cwd: string, rest: string): void {
  const { from, chmod, sources, target } = copyOf(rest);
  for (const source of sources) {
    if (from === null) expect(allowed, `${source} is kept from the build`).toContain(source);
    const origin = from === null ? source : inStage(from, source);
    const place = inStage(stage, resolve(cwd, target));
    const to = target.endsWith("/") ? join(place, source) : place;
    cpSync(origin, to, { recursive: true, verbatimSymlinks: true });
    if (chmod !== null) execFileSync("chmod", ["-R", chmod, to]);
  }
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outrigger-image-"));
  run("build", build);
  run("image", image);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const one = (name: string): string => image.find((i) => i.name === name)?.rest ?? "";
const main = (): string => inStage("image", (JSON.parse(one("ENTRYPOINT")) as string[])[1] as string);

test("both stages are on the newest 26 unless told otherwise, and the image runs as a user of few rights", () => {
  expect(TEXT).toContain("ARG NODE_TAG=26-slim\n");
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the Dockerfile's own variable.
  for (const stage of [build, image]) expect(stage[0]?.rest.startsWith("node:${NODE_TAG}")).toBe(true);
  expect(one("USER")).toBe("node");
  expect(one("STOPSIGNAL")).toBe("SIGTERM");
});

test("the image holds what runs and nothing that builds, and its data directory is its own", () => {
  expect(existsSync(inStage("image", "/opt/outrigger/node_modules/typescript"))).toBe(false);
  expect(existsSync(inStage("image", "/opt/outrigger/node_modules/node"))).toBe(false);
  expect(existsSync(inStage("image", "/opt/outrigger/node_modules/better-sqlite3"))).toBe(true);
  expect(statSync(inStage("image", "/var/lib/outrigger")).mode & 0o777).toBe(0o700);
});

test("it starts as the image starts it, its health check says so, and the stop signal ends it in order", async () => {
  // The image's own manifest, but for addresses and paths of this machine.
  const file = join(root, "outrigger.yaml");
  const shipped = readFileSync(inStage("image", "/etc/outrigger/outrigger.yaml"), "utf8");
  const data = inStage("image", "/var/lib/outrigger");
  writeFileSync(
    file,
    shipped
      .replaceAll("0.0.0.0", "127.0.0.1")
      .replace(/:(8080|9090)\b/g, ":0")
      .replace("/var/lib/outrigger", data),
  );
  const env = { PATH: "/usr/bin:/bin", OUTRIGGER_CONFIG: file, OUTRIGGER_ADMIN_TOKEN: "0123456789abcdef0123" };
  const child = spawn(process.execPath, [main(), ...(JSON.parse(one("CMD")) as string[])], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  let admin = "";
  for await (const line of createInterface(child.stdout)) {
    const said = JSON.parse(line) as { readonly event?: string; readonly admin?: string };
    if (said.event !== "ready") continue;
    admin = `http://${said.admin}`;
    break;
  }
  child.stdout.resume();
  const [, ...check] = JSON.parse(one("HEALTHCHECK").replace(/^.*CMD /, "")) as string[];
  const health = () =>
    spawnSync(process.execPath, [main(), ...check.slice(1)], {
      env: { ...env, OUTRIGGER_ADMIN: admin },
      encoding: "utf8",
    });
  expect(health()).toMatchObject({ status: 0, stdout: "", stderr: "" });
  child.kill(one("STOPSIGNAL") as NodeJS.Signals);
  expect(await ended).toEqual([0, null]);
  expect(health()).toMatchObject({ status: 1 });
});
