import { type Client, createClient } from "../client.ts";
import { serverEvents } from "../sse.ts";
import type { Sidecar } from "./sidecar.ts";

/** An event as the admin API's stream tells it. */
export type Told = Readonly<Record<string, unknown>> & { readonly type: string };

/**
 * Follows the events of `types` until `signal` ends it. Resolves once the stream is open, so that nothing that
 * happens later is missed; rejects where it is refused. A stream that breaks later shows as events that are missing.
 */
export async function watchEvents(
  { admin, token }: Pick<Sidecar, "admin" | "token">,
  types: readonly string[],
  signal: AbortSignal,
  onEvent: (told: Told) => void,
): Promise<void> {
  const client = createClient({ url: `http://${admin}`, socketPath: null, token }, signal);
  const stream = await client.stream(`/events?type=${types.join(",")}`, null);
  if (!stream.ok) {
    await client[Symbol.asyncDispose]();
    throw new Error(stream.error.wrong);
  }
  void follow(client, stream.value, types, onEvent).catch(() => undefined);
}

async function follow(
  client: Client,
  stream: AsyncIterable<Uint8Array>,
  types: readonly string[],
  onEvent: (told: Told) => void,
): Promise<void> {
  await using _ = client;
  for await (const { event, data } of serverEvents(stream)) {
    // The stream has messages of its own, such as `gap`.
    if (types.includes(event)) onEvent(JSON.parse(data) as Told);
  }
}
