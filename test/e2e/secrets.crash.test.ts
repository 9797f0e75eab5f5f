import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startChild } from "../help/child.ts";
import { createMarks } from "../help/marks.ts";
import { put } from "../help/secrets.ts";

/** Secrets in an error of which the process dies. */

const APP = "owner: a@b.example, url: http://127.0.0.1:1";

test("an error that ends the process is told without the secrets of the manifest, and without what hangs on it", async () => {
  const marks = createMarks();
  const [secret, header] = [marks.token("manifest"), marks.token("header of a request")];
  const dir = mkdtempSync(join(tmpdir(), "outrigger-crash-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const child = await startChild(
    `apps: { a: { ${APP}, sign: { scheme: platform, secrets: [${secret}] }, webhooks: { w: /w } } }`,
    {
      nodeArgs: ["--import", put(dir, "crash.mjs", crashing(secret, header))],
    },
  );
  child.signal("SIGUSR2");
  const { code, stdout, stderr } = await child.ended;
  expect(code).toBe(1);
  expect(stderr).toContain("it broke at ***");
  expect(stdout).toContain("it broke at ***");
  expect(marks.find(stdout + stderr)).toEqual([]);
});

function crashing(secret: string, header: string): string {
  return `process.on("SIGUSR2", () => {
  const cause = Object.assign(new Error("because of ${secret}"), { headers: ["Authorization", "Bearer ${header}"] });
  throw Object.assign(new Error("it broke at ${secret}", { cause }), { headers: { authorization: "Bearer ${header}" } });
});
`;
}
