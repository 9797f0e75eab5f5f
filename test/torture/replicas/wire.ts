import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** What lies between one sidecar and Redis: it can be cut, and it can fall silent. */
export interface Wire {
  readonly url: string;
  /** Every connection breaks, in the midst of whatever is on it; new ones are taken. */
  cut(): void;
  /** From now on nothing comes through, in neither direction, and nobody is told: as behind a switch that is gone. */
  silence(): void;
  /** What was under way in the silence is lost with its connections; new ones work. */
  speak(): void;
  close(): Promise<void>;
}

/** On loopback, in front of the Redis at `port`. */
export async function openWire(port: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  let silent = false;

  const hold = (socket: Socket): Socket => {
    sockets.add(socket);
    // Whoever is at the other end of a wire that breaks hears of it by the close.
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    return socket.setNoDelay(true);
  };
  const join = (from: Socket, to: Socket): void => {
    from.on("data", (chunk) => {
      if (silent) return;
      if (!to.write(chunk)) from.pause();
    });
    to.on("drain", () => from.resume());
    from.on("close", () => {
      if (!silent) to.destroy();
    });
  };
  const server = createServer((caller) => {
    const redis = hold(connect(port, "127.0.0.1"));
    hold(caller);
    join(caller, redis);
    join(redis, caller);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    silence() {
      silent = true;
    },
    speak() {
      cut();
      silent = false;
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
