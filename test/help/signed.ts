import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { compileSigner } from "../../src/upstream/sign.ts";
import { fencedBlocks } from "./fenced.ts";

/** What the code in the guide for app developers is to judge, and that code. */

export const blocks = fencedBlocks("docs/guides/app-developers.md");
export const NOW = 1_735_689_600_000;
const BODY = Buffer.from([0x7b, 0x22, 0xff, 0x00, 0x0a, 0x22, 0x7d]);
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PLAIN = "a secret of the platform";

function signed(scheme: "standard-webhooks" | "platform", wallMs = NOW): Record<string, string> {
  const secrets = scheme === "platform" ? [PLAIN] : ["whsec_bmV3IHNlY3JldCBvZiAyNCBieXRlcw==", SECRET];
  const signer = compileSigner({ scheme, secrets });
  if (!signer.ok) throw new Error(signer.error);
  const out: string[] = [];
  signer.value.sign("msg-1", wallMs, BODY, out);
  return Object.fromEntries(
    out.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), out[i + 1] as string]] : [])),
  );
}

/** What is to be judged: whether it is good, its headers, its body in base64, the time it is. */
interface Case {
  readonly good: boolean;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const body = BODY.toString("base64");
export const CASES: Readonly<Record<string, readonly Case[]>> = Object.fromEntries(
  (["standard-webhooks", "platform"] as const).map((scheme) => {
    const name = scheme === "platform" ? "x-platform-signature" : "webhook-signature";
    const headers = signed(scheme);
    const value = headers[name] as string;
    const changed = value.replaceAll(
      /v1(,|=)(.)/g,
      (_, sign: string, first: string) => `v1${sign}${first === "a" ? "b" : "a"}`,
    );
    return [
      scheme === "platform" ? "verify-platform" : "verify-standard",
      [
        { good: true, headers, body },
        { good: true, headers: signed(scheme, NOW - 299_000), body },
        { good: false, headers: signed(scheme, NOW - 302_000), body },
        { good: false, headers: signed(scheme, NOW + 302_000), body },
        { good: false, headers, body: Buffer.concat([BODY, Buffer.from("x")]).toString("base64") },
        { good: false, headers: { ...headers, [name]: changed }, body },
        { good: false, headers: { ...headers, [name]: "" }, body },
        { good: false, headers: {}, body },
      ],
    ];
  }),
);
export const secretOf = (info: string): string => (info === "verify-platform" ? PLAIN : SECRET);

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "outrigger-snippet-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

export function snippet(language: string, info: string): string {
  const found = blocks.filter((block) => block.language === language && block.info === info);
  expect(found.length, `${language} ${info}`).toBe(1);
  return found[0]?.text ?? "";
}

export const SCHEMES = Object.keys(CASES);

/** The verdicts that a program prints, told the cases. */
export function judgedBy(program: string, args: readonly string[], info: string): unknown {
  const run = spawnSync(program, args, { input: JSON.stringify(CASES[info]), encoding: "utf8" });
  expect(run.stderr).toBe("");
  return JSON.parse(run.stdout);
}
