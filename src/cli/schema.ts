import { manifestJsonSchema } from "../manifest/schema.ts";
import type { Command } from "./command.ts";

/** `schema`: the manifest's JSON Schema, for editors. */
export const schemaCommand: Command = {
  name: "schema",
  register(program, io, settle) {
    program
      .command("schema")
      .description("print the manifest's JSON Schema")
      .action(() => {
        io.stdout(`${JSON.stringify(manifestJsonSchema(), null, 2)}\n`);
        settle(0);
      });
  },
};
