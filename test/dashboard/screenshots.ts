import { chromium } from "playwright-core";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { call } from "../help/call.ts";
import { startSidecar } from "../help/sidecar.ts";
import { startToy } from "../help/toy.ts";

/**
 * Takes the pictures in docs/screenshots: three apps in an hour in which one's primary fails, one refuses what it is
 * sent, and one is flaky. That hour takes a minute here. `npm run screenshots`
 */

const TOKEN = "a-token-for-the-pictures";
const HOUR_MS = 3_600_000;
const RUN_MS = 60_000;
const CALL_EVERY_MS = 40;

/** Begins an hour ago and has caught up after the run, so that what is shown was just now. */
function hastyClock(): Clock {
  const begun = systemClock.now();
  const behind = (): number => HOUR_MS * Math.max(0, 1 - (systemClock.now() - begun) / RUN_MS);
  return { ...systemClock, wall: () => Math.round(systemClock.wall() - behind()) };
}

const [primary, backup, billing, crm] = await Promise.all(
  ["primary", "backup", "main", "main"].map((name) => startToy(name)),
);
if (!primary || !backup || !billing || !crm) throw new Error("four were started");

const manifest = {
  admin: { tokens: [{ name: "ops", role: "operator", token: TOKEN }] },
  alerts: {
    interval: "1s",
    rules: [
      { name: "low-success", metric: "success_rate", below: 95, over: "15m", min_samples: 20 },
      { name: "dead-letters", metric: "dlq_size", above: 10 },
      { name: "failovers", metric: "failover", over: "1h" },
    ],
  },
  apps: {
    quiz: {
      owner: "quiz-team@example.com",
      upstreams: [
        { name: "primary", url: primary.url, priority: 0 },
        { name: "backup", url: backup.url, priority: 1 },
      ],
      health: { interval: "1s", timeout: "500ms" },
      failover: { recovery: { hold: "1h", hold_max: "1h" } },
      webhooks: {
        winner_selection: {
          path: "/winner",
          timeout: "2s",
          retry: { repeat: "always" },
          fallback: { strategy: "random_pick", from: "/contestants", as: "/winner" },
        },
        quiz_answer: { path: "/answer", mode: "async", retry: { attempts: 3 } },
      },
    },
    billing: {
      owner: "billing@example.com",
      upstreams: [{ name: "main", url: billing.url }],
      health: { interval: "1s" },
      webhooks: { invoice_paid: { path: "/paid", mode: "async" }, refund: { path: "/refund", timeout: "1s" } },
    },
    crm: {
      owner: "crm@example.com",
      upstreams: [{ name: "main", url: crm.url }],
      health: { interval: "1s" },
      webhooks: { contact_changed: { path: "/contact", timeout: "1s", breaker: { enabled: false } } },
    },
  },
};
const yaml = Object.entries(manifest).map(([key, block]) => `${key}: ${JSON.stringify(block)}\n`);
const sidecar = await startSidecar(yaml.join(""), { clock: hastyClock() });

/** A call, whatever becomes of it. */
const hook = (route: string, n: number): Promise<unknown> =>
  call(`${sidecar.url}/${route}`, {
    headers: { "Content-Type": "application/json", "X-Event": "demo" },
    body: JSON.stringify({ order: n, contestants: ["ada", "grace", "edsger"], note: "<b>thanks</b>" }),
  }).catch(() => null);

let n = 0;
let awaited = { n: 0, reached: (): void => undefined };
function some(): void {
  n++;
  if (n === awaited.n) awaited.reached();
  // It comes in waves.
  if (Math.sin(n / 90) > -0.6) void hook("quiz/winner_selection", n);
  if (n % 3 === 0) void hook("crm/contact_changed", n);
  if (n % 5 === 0) void hook("quiz/quiz_answer", n);
  if (n % 7 === 0) void hook("billing/refund", n);
  if (n % 11 === 0) void hook("billing/invoice_paid", n);
}
let load = setInterval(some, CALL_EVERY_MS);
/** Resolves once this share of the run's calls has been made, on top of those before. */
const after = (share: number): Promise<void> =>
  new Promise((resolve) => {
    awaited = { n: n + Math.round((RUN_MS / CALL_EVERY_MS) * share), reached: resolve };
  });
await after(0.3);
await primary.behave({ kind: "slow", ms: 30 });
await after(0.3);
await crm.behave({ kind: "one_in", n: 9 });
await billing.health("healthy");
await crm.health("healthy");
await after(0.2);
await billing.behave({ kind: "status", status: 422 });
await after(0.1);
await primary.behave({ kind: "refuse" });
await after(0.1);
// From here on a minute is a minute.
clearInterval(load);
load = setInterval(some, CALL_EVERY_MS * (HOUR_MS / RUN_MS));

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const context = await browser.newContext();
await context.addInitScript((token) => sessionStorage.setItem("outrigger-token", token), TOKEN);
const page = await context.newPage();

/** One picture: the page at `at`, once `there` is to be seen. */
async function shoot(
  name: string,
  at: string,
  there: string,
  look: { dark?: true; phone?: true; whole?: true } = {},
): Promise<void> {
  await page.setViewportSize(look.phone ? { width: 390, height: 844 } : { width: 1280, height: 860 });
  await page.emulateMedia({ colorScheme: look.dark ? "dark" : "light" });
  await page.goto(`${sidecar.adminUrl}/${at}`);
  await page.reload();
  await page.locator("main").getByText(there).first().waitFor();
  await page.waitForLoadState("networkidle", { timeout: 1_500 }).catch(() => null);
  await page.screenshot({ path: `docs/screenshots/${name}.png`, fullPage: look.whole ?? false });
}

await shoot("overview-light", "", "Wants attention");
await shoot("overview-dark", "", "Wants attention", { dark: true });
await shoot("overview-phone", "", "Wants attention", { phone: true });
await shoot("app-light", "#/apps/quiz", "Moves of traffic");
await shoot("app-phone-dark", "#/apps/quiz", "Moves of traffic", { phone: true, dark: true });
await shoot("route-dark", "#/routes/crm/contact_changed", "Recent failures", { dark: true });
await shoot("dead-letters-light", "#/dlq", "the app answered 422");
await page.getByRole("button", { name: "Retry all…" }).click();
await page.getByRole("dialog").waitFor();
await page.screenshot({ path: "docs/screenshots/retry-light.png" });
await page.keyboard.press("Escape");
await page.getByRole("table").getByRole("link", { name: /^…/ }).first().click();
await page.getByText("What happened").waitFor();
await page.emulateMedia({ colorScheme: "dark" });
await page.screenshot({ path: "docs/screenshots/delivery-dark.png" });
await shoot("alerts-light", "#/alerts", "Rules");

clearInterval(load);
await browser.close();
await sidecar.stop();
for (const toy of [primary, backup, billing, crm]) await toy.stop();
