import { expect, test } from "vitest";
import type { Command } from "../../src/cli/command.ts";
import { manifestPath, paint, usage } from "../../src/cli/command.ts";
import { runCli } from "../../src/cli/program.ts";
import { createIo } from "../help/io.ts";

const greet: Command = {
  name: "greet",
  register(program, io, settle) {
    program
      .command("greet <name>")
      .description("says hello")
      .option("--sour", "finds a problem")
      .action((name: string, options: { sour?: true }) => {
        if (name === "nobody") return settle(usage(io, "there is no such person", "Try: greet Ada"));
        io.stdout(`hello ${name}\n`);
        settle(options.sour ? 1 : 0);
      });
  },
};

test("a command's own exit code is the program's", async () => {
  const io = createIo();
  expect(await runCli(["greet", "Ada"], io, [greet])).toBe(0);
  expect(await runCli(["greet", "Ada", "--sour"], io, [greet])).toBe(1);
  expect(io.out()).toBe("hello Ada\nhello Ada\n");
});

test.each([
  ["an unknown command", ["great", "Ada"], "Did you mean greet?"],
  ["an unknown option", ["greet", "Ada", "--sweet"], "unknown option '--sweet'"],
  ["a missing argument", ["greet"], "missing required argument 'name'"],
  ["no command at all", [], "Usage: outrigger"],
  ["what the command itself calls wrong", ["greet", "nobody"], "Try: greet Ada"],
])("wrong usage is 2, with a hint: %s", async (_what, argv, hint) => {
  const io = createIo();
  expect(await runCli(argv, io, [greet])).toBe(2);
  expect(io.err()).toContain(hint);
  expect(io.out()).toBe("");
});

test("asking for help is no mistake", async () => {
  const io = createIo();
  expect(await runCli(["--help"], io, [greet])).toBe(0);
  expect(await runCli(["help", "greet"], io, [greet])).toBe(0);
  expect(io.out()).toContain("says hello");
});

test("a bug in a command is not swallowed", async () => {
  const broken: Command = {
    name: "broken",
    register(program) {
      program.command("broken").action(() => {
        throw new TypeError("a bug");
      });
    },
  };
  await expect(runCli(["broken"], createIo(), [broken])).rejects.toThrow("a bug");
});

test("the manifest is -c, else OUTRIGGER_CONFIG, else the one that ships", () => {
  expect(manifestPath(createIo({ env: { OUTRIGGER_CONFIG: "b.yaml" } }), "a.yaml")).toBe("a.yaml");
  expect(manifestPath(createIo({ env: { OUTRIGGER_CONFIG: "b.yaml" } }), undefined)).toBe("b.yaml");
  expect(manifestPath(createIo(), undefined)).toBe("config/outrigger.yaml");
});

test("colour is for terminals only, and never against NO_COLOR", () => {
  expect(paint(createIo({ isTTY: true })).red("x")).toBe("\u001b[31mx\u001b[0m");
  expect(paint(createIo({ isTTY: false })).red("x")).toBe("x");
  expect(paint(createIo({ isTTY: true, env: { NO_COLOR: "1" } })).red("x")).toBe("x");
});
