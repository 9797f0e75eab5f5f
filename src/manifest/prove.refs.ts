import { isSecretName } from "../core/headers.ts";
import type { ValueRef } from "../core/settings.route.ts";

/** What is wrong with a value of requests that is to be shown and stored as it is, or null. */
export function namesSecret(ref: ValueRef): string | null {
  const name = ref.kind === "header" ? ref.name : (ref.pointer.split("/").at(-1) ?? "");
  // In a body `key` is more often a name for a thing than a credential.
  if (!isSecretName(name) || (ref.kind === "body" && name === "key")) return null;
  return `${ref.kind === "header" ? `the header ${name}` : ref.pointer} is a secret: its value would be shown and stored as it is`;
}
