import { Cluster, type Redis } from "ioredis";

/**
 * Listens on a connection of its own, as Redis asks of listeners, and calls `onNews` at each message and after each time
 * that one may have been missed. Where it is away, readings find the news a little later. Returns the end of it.
 */
export function hearNews(client: Redis | Cluster, channel: string, onNews: () => void): () => void {
  // A listener waits for ever, and for no answer: nothing it asks for is too late.
  const patient = { socketTimeout: undefined, commandTimeout: undefined, lazyConnect: true } as const;
  const listener =
    client instanceof Cluster
      ? client.duplicate([], { lazyConnect: true })
      : client.duplicate({ ...patient, autoResubscribe: false });
  // The connection beside it tells of a loss.
  listener.on("error", () => undefined);
  listener.on("ready", () => {
    listener.subscribe(channel).then(onNews, () => undefined);
  });
  listener.on("message", onNews);
  listener.connect().catch(() => undefined);
  return () => listener.disconnect();
}
