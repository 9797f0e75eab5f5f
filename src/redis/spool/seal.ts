import type { Seal } from "../../core/seal.ts";
import type { RedisLink } from "../connection.ts";

/**
 * Jobs sealed with a key that is not known could not be sent: that must be known at the start. Redis has the prints of
 * the keys that sealed, the last one in front; all sidecars need that one. Older ones may be gone with their jobs.
 */
export async function checkSeal({ client, prefix }: Pick<RedisLink, "client" | "prefix">, seal: Seal): Promise<void> {
  const key = `${prefix}seal`;
  const last = await client.get(key);
  if (last !== null && !seal.prints.includes(last))
    throw new Error(
      "OUTRIGGER_SPOOL_KEY is not the key that stored headers were sealed with: set that key, or both as NEW,OLD",
    );
  const [own] = seal.prints;
  if (own !== undefined && own !== last) await client.set(key, own);
}
