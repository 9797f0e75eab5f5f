import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { schemaCommand } from "../../src/cli/schema.ts";
import { createIo } from "../help/io.ts";

test("schema prints the very file that is committed", async () => {
  const io = createIo();
  expect(await runCli(["schema"], io, [schemaCommand])).toBe(0);
  expect(io.out()).toBe(readFileSync("config/outrigger.schema.json", "utf8"));
});

test("schema takes no arguments", async () => {
  expect(await runCli(["schema", "more"], createIo(), [schemaCommand])).toBe(2);
});
