import { MessageChannel, Worker } from "node:worker_threads";
import type { ThreadOptions } from "../../src/storage/protocol.ts";

/**
 * One thread that serves many stores, each in its own directory: for tests that open hundreds, one after the other. To
 * start a thread costs a hundred times what most of them do with it.
 */
export function createStorageHall(): (options: ThreadOptions) => Worker {
  let hall: Worker | null = null;
  return ({ dataDir }) => {
    hall ??= new Worker(new URL("./storage.hall.program.ts", import.meta.url), { env: {}, execArgv: [] });
    hall.unref();
    const { port1, port2 } = new MessageChannel();
    hall.postMessage({ port: port2, dataDir }, [port2]);
    const served = {
      on: (event: string, listener: (given: unknown) => void) =>
        port1.on(event === "exit" ? "close" : "message", event === "error" ? () => undefined : listener),
      postMessage: port1.postMessage.bind(port1),
      terminate: async () => port1.close(),
    };
    // What a channel asks of its worker.
    return served as unknown as Worker;
  };
}
