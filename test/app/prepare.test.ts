import { mkdirSync, writeFileSync } from "node:fs";
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
