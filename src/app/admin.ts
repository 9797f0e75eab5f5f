import { createServer } from "node:http";
import { addressText, bind } from "../proxy/listener.ts";
import type { Services } from "./services.ts";

export async function openAdmin(services: Services): Promise<{ address: string; close(): Promise<void> }> {
  const { admin } = services.manifests.current.loaded.manifest.listen;
  const server = createServer((req, res) => {
    void services.metrics.scrape().then((m) => res.end(req.url === "/metrics" ? m.body : "ok"));
  });
  await bind(server, admin);
  return {
    address: addressText(server, admin),
    close: () => new Promise((r) => server.close(() => r())),
  };
}
