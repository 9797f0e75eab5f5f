import type { ToyNews, ToyOrder } from "./toy.process.ts";
import { openToy } from "./toy.ts";

/** A toy upstream's own process: it does as it is told over the channel, and is gone when its test is. */

const [name = "", port = ""] = process.argv.slice(2);
const tell = (news: ToyNews): void => void process.send?.(news);

process.on("disconnect", () => process.exit(0));

const toy = await openToy(name, (got, answer) => tell({ kind: "seen", got, answer }), port === "" ? undefined : +port);
const obey = (order: ToyOrder): Promise<void> => {
  if (order.kind === "behave") return toy.behave(order.mood);
  return order.kind === "health" ? toy.health(order.as) : toy.release();
};
// Orders come one after the other: each is waited for where it was given.
process.on("message", (order: ToyOrder) => void obey(order).then(() => tell({ kind: "done" })));
tell({ kind: "listening", port: toy.port });
