import type { Played } from "./chapter.ts";
import { moduleUrl } from "./child.ts";
import type { Narrator } from "./narrator.ts";

/** Says how to look at the sidecar that the demo leaves running. */
export function tellHowToLook(say: Narrator, { sidecar, look }: Pick<Played, "sidecar" | "look">): void {
  const { admin, tokenFile, manifest } = sidecar;
  const command = moduleUrl("./look").pathname.endsWith(".ts") ? "npm run -s outrigger --" : "outrigger";
  say.line("\nIt keeps running, with a few calls a second. In another terminal:\n");
  say.quote([
    `export OUTRIGGER_ADMIN=http://${admin}`,
    `export OUTRIGGER_ADMIN_TOKEN=$(cat ${tokenFile})`,
    ...["status", "routes", "breaker list", "tail"].map((name) => `${command} ${name}`),
    "curl -s $OUTRIGGER_ADMIN/metrics",
    "",
    ...look.map((line) => line.replace(/^outrigger /, `${command} `)),
  ]);
  say.line(`\nManifest, reloaded when you change it; commands find all by it, too (-c):\n${manifest}`);
  say.line("Ctrl-C ends everything.");
}
