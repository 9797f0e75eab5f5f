import { createHmac, timingSafeEqual } from "node:crypto";

/** GitHub's webhooks as GitHub sends them: real payloads, signed over their raw bytes. */

/** The header with the signature, in lower case. */
export const SIGNATURE = "x-hub-signature-256";

export interface GithubPayload {
  /** `ping`, `push`, `workflow_run` … */
  readonly event: string;
  readonly body: Buffer;
}

/** Every example payload of the API, in the order of their events. The file is large: read when asked for. */
export async function githubPayloads(): Promise<readonly GithubPayload[]> {
  const { default: events } = await import("@octokit/webhooks-examples", { with: { type: "json" } });
  return (events as unknown as readonly { name: string; examples: readonly object[] }[]).flatMap((event) =>
    event.examples.map((example) => ({ event: event.name, body: Buffer.from(JSON.stringify(example)) })),
  );
}

/** The value of `X-Hub-Signature-256`: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries. */
export function signatureOf(secret: string, body: Buffer): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}

/** Is `signature` that of exactly these bytes? In constant time, as GitHub asks. */
export function isSignedBy(secret: string, body: Buffer, signature: string | readonly string[] | undefined): boolean {
  if (typeof signature !== "string") return false;
  const expected = Buffer.from(signatureOf(secret, body));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
