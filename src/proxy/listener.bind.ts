import { chmodSync, existsSync, lstatSync, unlinkSync } from "node:fs";
import { type AddressInfo, connect, type Server } from "node:net";
import { dirname } from "node:path";
import type { Address } from "../core/settings.ts";

/**
 * Binds to `address` and says where, as bound (port 0 has become a real one). A unix socket left behind by a process
 * that died is removed first, one in use is not. Rejects with an error that says what to do.
 */
export async function bind(server: Server, address: Address): Promise<string> {
  if (address.kind === "unix") await clearStaleSocket(address.path);
  await new Promise<void>((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException): void => reject(bindError(error, address));
    server.once("error", refused);
    server.listen(address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port }, () => {
      server.off("error", refused);
      resolve();
    });
  });
  // Whoever may write to the socket may call every app: the group may, others may not.
  if (address.kind === "unix") chmodSync(address.path, 0o660);
  return addressText(server, address);
}

async function clearStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`${path} is no socket: remove it, or set another path in listen`);
  const code = await new Promise<string | null>((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(null);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
  });
  // Only a refusal proves that nobody listens: a full backlog or a lack of rights would be another's living socket.
  if (code === "ECONNREFUSED") unlinkSync(path);
}

function bindError(error: NodeJS.ErrnoException, address: Address): Error {
  const where = address.kind === "unix" ? `unix:${address.path}` : hostPort(address.host, address.port);
  // Node says EACCES of a folder that is not there, too.
  const folder = address.kind === "unix" ? dirname(address.path) : null;
  if (folder !== null && !existsSync(folder))
    return new Error(`${where} can't be bound: there is no folder ${folder}; make it, or set another path in listen`);
  switch (error.code) {
    case "EADDRINUSE":
      return new Error(`${where} is in use: stop the program that listens there, or set another address in listen`);
    case "EADDRNOTAVAIL":
      return new Error(`${where} is no address of this machine: set another one in listen`);
    case "EACCES":
      return new Error(`${where} may not be bound by this user: set another address in listen, or grant it`);
    default:
      return new Error(`${where} can't be bound: ${error.message}`);
  }
}

function addressText(server: Server, address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return hostPort(address.host, (server.address() as AddressInfo).port);
}

function hostPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
