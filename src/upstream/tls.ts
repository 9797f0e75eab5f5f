import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";

/** PEM, each as read from its file. */
interface Pems {
  readonly ca?: string | null;
  readonly cert?: string | null;
  readonly key?: string | null;
}

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END [A-Z0-9 ]+-----/g;

/**
 * Says why these can't be used together, or null: before a handshake finds out. A file of authorities that holds none
 * needs a look of its own, since OpenSSL takes it for an empty list.
 */
export function tlsProblem({ ca, cert, key }: Pems): string | null {
  try {
    createSecureContext({ ...(cert && { cert }), ...(key && { key }) });
    if (ca === undefined || ca === null) return null;
    const authorities = ca.match(CERTIFICATE) ?? [];
    for (const pem of authorities) new X509Certificate(pem);
    return authorities.length === 0 ? "there is no certificate among the authorities" : null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
