import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { breakerInfo, startAdmin } from "../help/admin.ts";
import { storedJob, testDeliveries } from "../help/deliveries.ts";
import { appHealth, testFailover, upstreamHealth } from "../help/failover.ts";
import { notification, testNotifications } from "../help/notifications.ts";
import { audit, walk } from "./audit.ts";
import { withBrowser } from "./browser.ts";

/** Everybody can read and operate it: by eye in light and dark, on a phone, by ear and by keyboard. */

/** Each page, and what is there once it is drawn. */
const PAGES = [
  ["", "Wants attention"],
  ["#/apps/quiz", "Moves of traffic"],
  ["#/routes/quiz/winner", "Failures in a row"],
  ["#/deliveries", "job-2"],
  ["#/dlq", "job-1"],
  ["#/deliveries/job-1", "X-Hub-Signature-256"],
  ["#/alerts", "Rules"],
  ["#/notifications/019b76da-a800-7000-8000-000000000001", "What was told"],
  ["#/manifest", "What runs"],
  ["#/audit", "Who changed what"],
] as const;

/** One of everything that has a colour of its own. */
function services() {
  return {
    failover: testFailover([
      appHealth(),
      appHealth({ app: "crm", status: "unhealthy", active: null, panic: true }),
      appHealth({ app: "shop", status: "healthy", upstreams: [upstreamHealth({ active: true })] }),
    ]),
    breakers: {
      list: () => [
        breakerInfo(),
        breakerInfo({ upstream: "backup", state: "open" as const, until: Date.parse("2100-01-01") }),
      ],
      reset: () => "done" as const,
      trip: () => "done" as const,
    },
    notifications: testNotifications([notification()]),
    deliveries: testDeliveries(storedJob(), storedJob({ id: "job-2", state: "delivered", reason: null, detail: null })),
  };
}

async function drawn(page: Page, url: string, at: string, there: string): Promise<void> {
  await page.goto(`${url}/${at}`);
  await page.locator("main").getByText(there).or(page.getByTitle(there)).first().waitFor();
}

withBrowser("every page", (open) => {
  test.each([
    ["in light", { colorScheme: "light", viewport: { width: 1280, height: 900 } }],
    ["in dark", { colorScheme: "dark", viewport: { width: 1280, height: 900 } }],
    ["on a phone", { colorScheme: "light", viewport: { width: 360, height: 740 } }],
  ] as const)("has contrast, names and order %s", async (_how, look) => {
    const admin = await startAdmin(services());
    const { page, wrongs } = await open(admin.url, look);
    for (const [at, there] of PAGES) {
      await drawn(page, admin.url, at, there);
      expect([at, await audit(page)]).toEqual([at, []]);
    }
    expect(wrongs).toEqual([]);
  });

  test("has contrast, names and order where it asks for a token, and where it asks before it acts", async () => {
    const admin = await startAdmin(services());
    const { page } = await open(admin.url, { token: null });
    await page.getByLabel("Admin token").waitFor();
    expect(await audit(page)).toEqual([]);
    const { page: inside } = await open(admin.url, { at: "#/apps/quiz", colorScheme: "dark" });
    await inside.getByRole("button", { name: "Switch here: primary" }).click();
    await inside.getByRole("dialog").waitFor();
    expect(await audit(inside)).toEqual([]);
  });

  test("is operated by keyboard alone, and a dialog gives the focus back", async () => {
    const admin = await startAdmin(services());
    const { page } = await open(admin.url);
    for (const [at, there] of PAGES.slice(0, 5)) {
      await drawn(page, admin.url, at, there);
      expect([at, await walk(page)]).toEqual([at, []]);
    }
    await drawn(page, admin.url, "#/apps/quiz", "Moves of traffic");
    const button = page.getByRole("button", { name: "Switch here: primary" });
    await button.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Switch quiz to primary?" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
  });

  test("is seen to be wrong where it is: the audit finds what it looks for", async () => {
    const admin = await startAdmin();
    const { page } = await open(admin.url);
    await page.goto("about:blank");
    await page.setContent(`<html><body><h3>Deep</h3><p style="color:#999;background:#fff">pale</p>
      <button></button><input><img src="x"><i id="a"></i><i id="a"></i><div style="width:3000px">wide</div></body></html>`);
    const found = (await audit(page)).join("\n");
    for (const wrong of [
      "contrast 2.85",
      "no name: button",
      "no name: input",
      "no text: img",
      "first level",
      "skips",
      "twice: #a",
      "no main",
      "wider",
    ])
      expect(found).toContain(wrong);
    await page.setContent(`<a href="#x">x</a><a href="#y" tabindex="-1">y</a><style>a:focus{outline:none}</style>`);
    expect(await walk(page)).toEqual(["no focus to be seen: 0", "not reached: 1"]);
  });

  test("says which page came, to those who do not see it", async () => {
    const admin = await startAdmin(services());
    const { page } = await open(admin.url);
    await page.getByRole("link", { name: "Audit" }).click();
    await page.getByRole("heading", { level: 1, name: "Audit" }).waitFor();
    expect(await page.title()).toBe("Audit · Outrigger");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Audit");
  });
});
