import { isIP } from "node:net";
import type { Address } from "../core/settings.ts";

/**
 * Which `Host` and `Origin` the API answers to. A page of another site can make a browser call a loopback port, by
 * a name of its own that resolves to 127.0.0.1 (DNS rebinding) or by a plain form (CSRF): the first shows in `Host`,
 * the second in `Origin`.
 */
export interface Hosts {
  /** Names of `admin.allowed_hosts`: lower case, without port. */
  readonly allowed: readonly string[];
  /** What the listener was told to bind. */
  readonly listen: Address;
  /** The local address of this very connection; undefined on a unix socket. */
  readonly local: string | undefined;
}

/** May a request with this `Host` field be answered? Any port will do. */
export function isOwnHost(host: string | undefined, hosts: Hosts): boolean {
  const name = host === undefined ? null : hostName(host);
  return name !== null && isOwnName(name, hosts);
}

/** May a request with this `Origin` field be answered? None is fine: then no page sent it. */
export function isOwnOrigin(origin: string | undefined, hosts: Hosts): boolean {
  if (origin === undefined) return true;
  const [, authority] = /^https?:\/\/([^/?#@]+)$/i.exec(origin) ?? [];
  return isOwnHost(authority, hosts);
}

function isOwnName(name: string, { allowed, listen, local }: Hosts): boolean {
  if (name === "localhost" || allowed.includes(name)) return true;
  if (listen.kind === "tcp" && name === listen.host.toLowerCase()) return true;
  // An address can't be rebound: only a name can lead a browser to where its page did not come from.
  return isIP(name) !== 0 && (isLoopback(name) || name === plainAddress(local));
}

/** The name of `name`, `name:port`, `[v6]` or `[v6]:port`, in lower case; null for anything else. */
function hostName(host: string): string | null {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host) ?? [];
  return (bracketed ?? plain)?.toLowerCase() ?? null;
}

function isLoopback(address: string): boolean {
  return address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
}

/** A socket that listens on `::` says `::ffff:10.0.0.1` for IPv4. */
function plainAddress(address: string | undefined): string | undefined {
  return address?.toLowerCase().replace(/^::ffff:(?=\d+\.)/, "");
}

/** Is nobody but this machine able to reach the listener? A name other than localhost may resolve to anywhere. */
export function isLocalAddress(address: Address): boolean {
  return address.kind === "unix" || address.host.toLowerCase() === "localhost" || isLoopback(address.host);
}
