import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { envelopeOf } from "../../src/policy/envelope.ts";
import { blocks, CASES, folder, judgedBy, NOW, SCHEMES, secretOf, snippet } from "../help/signed.ts";

/** The page's own code checks what we sign: the Go of it in test/install, since it takes its compiler a while. */

test.each(SCHEMES)("the TypeScript of %s takes what we sign and nothing else", async (info) => {
  const file = join(folder(), "snippet.ts");
  writeFileSync(file, snippet("ts", info));
  const { isSigned } = (await import(pathToFileURL(file).href)) as {
    isSigned(given: unknown, body: Uint8Array, secret: string, now: number): boolean;
  };
  for (const { good, headers, body: bytes } of CASES[info] ?? []) {
    const given = info === "verify-platform" ? (headers["x-platform-signature"] ?? "") : headers;
    expect(isSigned(given, Buffer.from(bytes, "base64"), secretOf(info), NOW)).toBe(good);
  }
});

const python = spawnSync("python3", ["--version"]).status === 0;
if (!python) console.warn("python3 is not installed: the Python of the guide is not run");

test.skipIf(!python).each(SCHEMES)("the Python of %s takes what we sign and nothing else", (info) => {
  const file = join(folder(), "snippet.py");
  const given = info === "verify-platform" ? 'case["headers"].get("x-platform-signature", "")' : 'case["headers"]';
  writeFileSync(
    file,
    `${snippet("python", info)}
import json, sys
print(json.dumps([is_signed(${given}, base64_decode(case["body"]), sys.argv[1], ${NOW / 1000}) for case in json.load(sys.stdin)]))
`.replace("import json, sys", "import json, sys\nfrom base64 import b64decode as base64_decode"),
  );
  expect(judgedBy("python3", [file, secretOf(info)], info)).toEqual(CASES[info]?.map(({ good }) => good));
});

test("its envelopes are envelopes", () => {
  const envelopes = blocks
    .filter(({ language }) => language === "json")
    .map(({ text }) => envelopeOf(JSON.parse(text)));
  expect(envelopes).toEqual([{ success: true }, { success: false, code: "room_locked", retryable: true }]);
});
