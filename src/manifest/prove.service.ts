import type { Address } from "../core/settings.ts";
import type { Report } from "./problem.ts";
import { proveAlerts } from "./prove.alerts.ts";
import { proveNotify } from "./prove.notify.ts";
import type { Resolved } from "./resolve.ts";
import { formatDuration } from "./units.ts";

/** What the process as a whole promises. */
export function proveService(all: Resolved, report: Report): void {
  proveListeners(all, report);
  proveLimits(all, report);
  proveNames(all, report);
  proveNotify(all, report);
  proveAlerts(all, report);
  if (all.manifest.spool.durability === "normal") {
    const said = "normal drops the fsync: what was acknowledged in the last moments before a power cut may be lost";
    report.warn(all.main.place(["spool", "durability"]), ["spool", "durability"], said);
  }
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

function proveListeners({ main, manifest: { listen, admin } }: Resolved, report: Report): void {
  if (main.tainted(["listen"])) return;
  const at = ["listen", "admin"];
  const same = JSON.stringify(listen.proxy) === JSON.stringify(listen.admin);
  if (same && !isAnyPort(listen.admin))
    report.error(main.place(at), at, "proxy and admin can't listen on the same address");
  const remote = listen.admin.kind === "tcp" && !LOOPBACK_HOST.test(listen.admin.host);
  if (remote && admin.tokens.length === 0 && !main.tainted(["admin"])) {
    const said = "an admin listener beyond loopback needs a token: set admin.tokens or OUTRIGGER_ADMIN_TOKEN";
    report.error(main.place(at), at, said);
  }
}

const isAnyPort = (address: Address): boolean => address.kind === "tcp" && address.port === 0;

function proveLimits({ main, manifest: { limits } }: Resolved, report: Report): void {
  if (main.tainted(["limits"])) return;
  for (const [name, most] of [
    ["max_sync_timeout", limits.maxSyncTimeoutMs],
    ["max_async_timeout", limits.maxAsyncTimeoutMs],
  ] as const) {
    if (most >= limits.minTimeoutMs) continue;
    const said = `${name} ${formatDuration(most)} is below min_timeout ${formatDuration(limits.minTimeoutMs)}`;
    report.error(main.place(["limits", name]), ["limits", name], said);
  }
}

function proveNames({ main }: Resolved, report: Report): void {
  const lists = [
    { path: ["admin", "tokens"], names: main.value.admin?.tokens?.map((t) => t.name) ?? [] },
    { path: ["alerts", "rules"], names: main.value.alerts?.rules?.map((r) => r.name) ?? [] },
  ];
  for (const { path, names } of lists) {
    if (main.tainted(path)) continue;
    for (const [i, name] of names.entries()) {
      if (names.indexOf(name) === i) continue;
      const at = [...path, i, "name"];
      report.error(main.place(at, "value"), at, `a second one named ${name}`);
    }
  }
}
