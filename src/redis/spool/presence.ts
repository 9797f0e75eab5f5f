import type { RedisLink } from "../connection.ts";

/** What can be known of a spool without opening it. */

type Place = Pick<RedisLink, "client" | "prefix">;

/** A sidecar says every five seconds that it is there. */
const ABSENT_S = 15;

/** Jobs in it that have not ended. */
export async function waitingIn({ client, prefix }: Place): Promise<number> {
  return Number((await client.hget(`${prefix}counts`, "waiting")) ?? 0);
}

/** Sidecars other than `instance` that are there, or were within the last seconds. */
export async function othersIn({ client, prefix }: Place, instance: string): Promise<number> {
  const [seconds] = await client.time();
  const names = await client.zrangebyscore(`${prefix}up`, Number(seconds) - ABSENT_S, "+inf");
  return names.filter((name) => name !== instance).length;
}
