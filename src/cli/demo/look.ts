import { moduleUrl } from "./child.ts";
import type { Narrator } from "./narrator.ts";
import type { Sidecar } from "./sidecar.ts";

/** Says how to look at the sidecar that the demo leaves running. */
export function tellHowToLook(say: Narrator, { admin, tokenFile, manifest, proxy }: Sidecar): void {
  const command = moduleUrl("./look").pathname.endsWith(".ts") ? "npm run -s outrigger --" : "outrigger";
  say.line("\nIt keeps running, with a few calls a second. In another terminal:\n");
  say.quote([
    `export OUTRIGGER_ADMIN=http://${admin}`,
    `export OUTRIGGER_ADMIN_TOKEN=$(cat ${tokenFile})`,
    `${command} status`,
    `${command} routes`,
    `${command} breaker list`,
    `${command} tail`,
    "curl -s $OUTRIGGER_ADMIN/metrics",
    "",
    `curl -i http://${proxy}/quiz/winner_selection \\`,
    `  --json '{"participants":["You","Me"]}'`,
  ]);
  say.line(`\nManifest, reloaded when you change it: ${manifest}`);
  say.line("Ctrl-C ends everything.");
}
