import type { ToyNews, ToyOrder } from "./toy.process.ts";
import { openToy } from "./toy.ts";

/** A toy upstream's own process: it does as it is told over the channel, and is gone when its test is. */

const [name = "", port = ""] = process.argv.slice(2);
const tell = (news: ToyNews): void => void process.send?.(news);

process.on("disconnect", () => process.exit(0));

const toy = await openToy(name, (got, answer) => tell({ kind: "seen", got, answer }), port === "" ? undefined : +port);
process.on("message", async (order: ToyOrder) => {
  if (order.kind === "behave") await toy.behave(order.mood);
  else if (order.kind === "health") await toy.health(order.as);
  else await toy.release();
  tell({ kind: "done" });
});
tell({ kind: "listening", port: toy.port });
