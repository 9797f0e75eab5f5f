import { fileURLToPath } from "node:url";
import { packageVersion } from "./machine.ts";
import type { Peer } from "./target.ts";

/**
 * A peer that is a Node program: `program` takes the upstream's port as its argument, picks a port of its own and says
 * so with {@link sayReady}. `packages` are named with their versions.
 */
export function nodePeer(name: string, title: string, packages: readonly string[], program: URL): Peer {
  return {
    name,
    title,
    install: "npm ci",
    version() {
      const versions = packages.map((one) => packageVersion(one));
      if (versions.includes(null)) return null;
      return packages.map((one, i) => `${one} ${versions[i]}`).join(" with ");
    },
    async start(bench, upstreamPort, nodeArgs = []) {
      const proc = bench.procs.start(name, process.execPath, [
        ...nodeArgs,
        fileURLToPath(program),
        String(upstreamPort),
      ]);
      const port = await proc.line((line) => Number(/^ready (\d+)$/.exec(line)?.[1] ?? 0) || null);
      return { name, port, paths: ["/"], pid: proc.pid, stop: proc.stop };
    },
  };
}

/** What a peer's program says once it listens. It ends in order, so that a profile of it is written. */
export function sayReady(address: { readonly port: number } | string | null): void {
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  process.once("SIGTERM", () => process.exit(0));
  process.stdout.write(`ready ${address.port}\n`);
}

/** `http://127.0.0.1:PORT` of the upstream, from the command line. */
export function upstreamUrl(): string {
  return `http://127.0.0.1:${Number(process.argv[2])}`;
}
