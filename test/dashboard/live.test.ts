import { expect, test } from "vitest";
import { adminServices, breakerInfo, startAdmin } from "../help/admin.ts";
import { storedJob, testDeliveries } from "../help/deliveries.ts";
import { appHealth, testFailover } from "../help/failover.ts";
import { withBrowser } from "./browser.ts";

/** Whether what is shown is so: with the event stream, without it, and without anything. */

const MANY = 10_000;

withBrowser("what is shown", (open) => {
  test("is right within 30 s where the event stream does not get through", async () => {
    const failover = testFailover([appHealth({ status: "healthy" })]);
    const admin = await startAdmin({ failover });
    const { page } = await open(admin.url, {
      before: async (fresh) => {
        await fresh.clock.install();
        await fresh.route("**/events?**", (route) => route.abort());
      },
    });
    const row = page.getByRole("row", { name: /^quiz/ });
    await row.getByText("healthy").waitFor();
    await page.getByText("Every 15 s").waitFor();
    failover.apps.set("quiz", appHealth({ status: "unhealthy", active: null }));
    await page.clock.runFor(30_000);
    await row.getByText("unhealthy").waitFor();
    await page.getByText("quiz is unhealthy", { exact: true }).waitFor();
  });

  test("begins with the app that is dead, also where the whole is only degraded", async () => {
    const lost = appHealth({ app: "shop", status: "unhealthy", active: null });
    const admin = await startAdmin({ failover: testFailover([appHealth(), lost]) });
    const { page } = await open(admin.url);
    const verdict = page.getByRole("status").filter({ has: page.getByText("Degraded", { exact: true }) });
    expect(await verdict.textContent()).toContain("shop is unhealthy");
  });

  test("names no trouble in a breaker that only waits for a call to try, and says so with its route", async () => {
    const past = breakerInfo({ state: "open", until: Date.parse("2026-01-01T00:01:00Z") });
    const failover = testFailover([appHealth({ status: "healthy" })]);
    const admin = await startAdmin({ failover, breakers: { ...adminServices().breakers, list: () => [past] } });
    const { page } = await open(admin.url);
    await page.getByText("Nothing wants you.").waitFor();
    await page.goto(`${admin.url}/#/routes/quiz/winner`);
    await page.getByRole("cell", { name: "with the next call" }).waitFor();
  });

  test("is told to be old while Outrigger does not answer, and is made new when it does", async () => {
    const admin = await startAdmin();
    const { page } = await open(admin.url, { before: (fresh) => fresh.clock.install() });
    await page.getByRole("heading", { name: "Apps" }).waitFor();
    await page.route("**/api/**", (route) => route.abort());
    await page.clock.runFor(16_000);
    await page.getByRole("alert").getByText("Disconnected.").waitFor();
    // What is known stays to be read.
    await page.getByRole("row", { name: /^quiz/ }).waitFor();
    await page.unroute("**/api/**");
    await page.clock.runFor(16_000);
    await page.getByText("Disconnected.").waitFor({ state: "detached" });
  });

  test("is only a part of ten thousand apps and dead letters, and the rest can be found", async () => {
    const name = (n: number): string => `app-${String(n).padStart(5, "0")}`;
    const apps = Array.from({ length: MANY }, (_, n) => appHealth({ app: name(n), status: "healthy" }));
    const jobs = Array.from({ length: 2_000 }, (_, n) => storedJob({ id: `job-${n}` }));
    const admin = await startAdmin({ failover: testFailover(apps), deliveries: testDeliveries(...jobs) });
    const { page } = await open(admin.url);
    const rows = page.getByRole("table").getByRole("row");
    await page.getByRole("link", { name: name(0) }).waitFor();
    expect(await rows.count()).toBe(51);
    await page.getByRole("button", { name: "Show more" }).click();
    await page.getByRole("link", { name: name(99) }).waitFor();
    await page.getByLabel("Find an app").fill(name(7_000));
    await page.getByLabel("Find an app").press("Enter");
    await page.getByRole("heading", { name: name(7_000) }).waitFor();
    await page.goto(`${admin.url}/#/dlq`);
    await page.getByRole("button", { name: "Show more" }).waitFor();
    expect(await rows.count()).toBe(51);
  });

  test("follows the address: a link opens a filtered list, and back leads back", async () => {
    const deliveries = testDeliveries(storedJob(), storedJob({ id: "job-2", app: "crm", reason: "expired" }));
    const admin = await startAdmin({ deliveries });
    const { page } = await open(admin.url, { at: "#/dlq?app=crm" });
    await page.getByTitle("job-2").waitFor();
    expect(await page.getByTitle("job-1").count()).toBe(0);
    await page.getByLabel("Reason").selectOption("gone");
    await page.getByText("Fewer filters show more.").waitFor();
    expect(page.url()).toContain("#/dlq?app=crm&reason=gone");
    await page.goBack();
    await page.getByTitle("job-2").waitFor();
    await page.getByRole("link", { name: "Clear" }).click();
    await page.getByTitle("job-1").waitFor();
  });
});
