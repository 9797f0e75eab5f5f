import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { type LinePart, partsOf } from "../../src/cli/lines.ts";
import { storedJob, testDeliveries } from "../help/deliveries.ts";
import { startRemote } from "../help/remote.ts";

const many = (count: number) => Array.from({ length: count }, (_, i) => storedJob({ id: `job-${i}` }));

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "outrigger-transfer-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test("what is exported to a file is imported elsewhere, and a second time changes nothing", async () => {
  const cwd = folder();
  const from = await startRemote(testDeliveries(...many(3)));
  const exported = await from.run("dlq export -o dead.ndjson --secrets", { cwd });
  expect(exported).toMatchObject({ code: 0, out: "" });
  expect(exported.err).toMatch(/^3 deliveries exported to dead\.ndjson, [\d.]+ KiB\n$/);
  expect(statSync(join(cwd, "dead.ndjson")).mode & 0o777).toBe(0o600);
  const there = testDeliveries();
  const to = await startRemote(there);
  expect(await to.run("dlq import dead.ndjson", { cwd })).toEqual({
    code: 0,
    out: "3 deliveries imported, 0 there already\n",
    err: "",
  });
  expect(there.jobs.get("job-0")?.request?.headers).toContain("Bearer s3cret");
  expect(JSON.parse((await to.run("dlq import dead.ndjson --json", { cwd })).out)).toEqual({
    imported: 0,
    known: 3,
    without_secrets: 0,
  });
});

test("export writes to stdout and import reads stdin; what has no secrets says so on both ways", async () => {
  const from = await startRemote(testDeliveries(...many(2), storedJob({ id: "x", app: "shop" })));
  const { code, out, err } = await from.run("dlq export --app quiz");
  expect(code).toBe(0);
  expect(
    out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).id),
  ).toEqual(["job-1", "job-0"]);
  expect(err).toBe("credentials and signatures are left out: --secrets keeps them, for what is to be imported\n");
  const to = await startRemote(testDeliveries());
  const imported = await to.run("dlq import -", { stdin: () => Readable.from([Buffer.from(out)]) });
  expect(imported).toMatchObject({ code: 0, out: "2 deliveries imported, 0 there already\n" });
  expect(imported.err).toContain("2 deliveries exported without secrets");
  expect(await from.run("dlq export --app other")).toEqual({ code: 0, out: "", err: "" });
});

test("a file that is there is not written over, and one that did not become whole is removed", async () => {
  const cwd = folder();
  const deliveries = testDeliveries(...many(300));
  const { find } = deliveries;
  let found = 0;
  const { run } = await startRemote({
    ...deliveries,
    find: (id) => {
      if (++found === 200) deliveries.away = true;
      return find(id);
    },
  });
  writeFileSync(join(cwd, "old"), "kept");
  expect(await run("dlq export -o old", { cwd })).toMatchObject({
    code: 1,
    err: expect.stringContaining("is there already"),
  });
  expect(readFileSync(join(cwd, "old"), "utf8")).toBe("kept");
  const broken = await run("dlq export -o new", { cwd });
  expect(broken).toMatchObject({ code: 1, err: expect.stringContaining("broke off") });
  expect(existsSync(join(cwd, "new"))).toBe(false);
  found = 0;
  deliveries.away = false;
  expect(await run("dlq export")).toMatchObject({ code: 1, err: expect.stringContaining("is not whole") });
  expect((await run("dlq export -o nowhere/new", { cwd })).err).toContain("cannot be written (ENOENT)");
  expect((await run("dlq export --since x")).code).toBe(2);
});

test("a bad line is named by its number in the file, however it is sent", async () => {
  const cwd = folder();
  const from = await startRemote(testDeliveries(...many(3_000)));
  const lines = (await from.run("dlq export")).out.split("\n");
  lines.splice(2_900, 0, "nonsense");
  writeFileSync(join(cwd, "dead.ndjson"), lines.join("\n"));
  const there = testDeliveries();
  const { run } = await startRemote(there);
  const { code, err } = await run("dlq import dead.ndjson", { cwd });
  expect(code).toBe(1);
  expect(err).toContain("line 2901: no JSON");
  expect(err).toContain(`${there.jobs.size} deliveries imported before: the same file may be imported again`);
  expect(there.jobs.size).toBeGreaterThan(1_000);
  expect((await run("dlq import nothing-here", { cwd })).err).toContain("nothing-here cannot be read (ENOENT)");
});

test("lines are read in parts that end where a line ends, whatever the pieces they come in", async () => {
  const line = (i: number): string => `${i} ${"x".repeat(99_990)}\n`;
  const text = `${Array.from({ length: 40 }, (_, i) => line(i)).join("")}last without newline`;
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 65_537) }, (_, i) =>
    bytes.subarray(i * 65_537, (i + 1) * 65_537),
  );
  const parts: LinePart[] = [];
  for await (const part of partsOf(Readable.from(pieces))) if (part !== "too long") parts.push(part);
  expect(parts.length).toBeGreaterThan(2);
  expect(Buffer.concat(parts.map((part) => part.bytes)).equals(bytes)).toBe(true);
  for (const { bytes: part, firstLine } of parts)
    expect(Buffer.from(part).toString()).toMatch(firstLine === 41 ? /^last/ : new RegExp(`^${firstLine - 1} `));
});

test("a line that never ends is no export, and is not held", async () => {
  const endless = (function* () {
    for (;;) yield Buffer.alloc(1024 * 1024, "x");
  })();
  const { run } = await startRemote(testDeliveries());
  const { code, err } = await run("dlq import -", { stdin: () => Readable.from(endless) });
  expect(code).toBe(1);
  expect(err).toContain("a line is larger than 67108864 bytes");
});
