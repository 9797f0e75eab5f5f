import { expect, test } from "vitest";
import type { AdminToken } from "../../src/admin/services.ts";
import { OPERATOR, startAdmin, VIEWER } from "../help/admin.ts";
import { storedJob, testDeliveries } from "../help/deliveries.ts";
import { appHealth, testFailover } from "../help/failover.ts";
import { withBrowser } from "./browser.ts";

/** Who gets in, and what the text of others does to the page. */

const HOSTILE = `<img src=x onerror="alert(1)"><script>alert(2)</script>`;

withBrowser("the dashboard", (open) => {
  test("asks for a token, says when it is wrong, and forgets it with the tab", async () => {
    const admin = await startAdmin();
    const { page, wrongs } = await open(admin.url, { token: null });
    await page.getByText("it is in the file admin-token of the data directory").waitFor();
    const field = page.getByLabel("Admin token");
    await field.fill("not-the-token");
    await field.press("Enter");
    await page.getByText("Wrong token: Outrigger does not know it.").waitFor();
    await field.fill(OPERATOR);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Apps" }).waitFor();
    expect(
      await page.evaluate(() => [localStorage.length, document.cookie, location.href.includes("operator-token")]),
    ).toEqual([0, "", false]);
    await page.reload();
    await page.getByRole("heading", { name: "Apps" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await field.waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    expect(wrongs).toEqual([]);
  });

  test("goes back to asking when the token is taken away", async () => {
    let tokens: readonly AdminToken[] = [{ name: "ops", role: "operator", token: OPERATOR }];
    const admin = await startAdmin({ tokens: () => tokens });
    const { page } = await open(admin.url);
    await page.getByRole("heading", { name: "Apps" }).waitFor();
    tokens = [];
    await page.getByRole("link", { name: "Audit" }).click();
    await page.getByText("The token is not valid any more. Sign in again.").waitFor();
  });

  test("shows a viewer everything but what changes something, and no payload", async () => {
    const admin = await startAdmin({
      failover: testFailover([appHealth()]),
      deliveries: testDeliveries(storedJob()),
    });
    const { page } = await open(admin.url, { token: VIEWER });
    const acts = page
      .locator("main button")
      .filter({ hasText: /switch|pin|release|pause|resume|trip|reset|retry|delete|cancel|reload|silence|again/i });
    for (const [at, there] of [
      ["#/apps/quiz", "Moves of traffic"],
      ["#/routes/quiz/winner", "Circuit breaker"],
      ["#/dlq", "the app answered 422"],
      ["#/deliveries/job-1", "Payloads are for operators"],
      ["#/alerts", "Rules"],
      ["#/manifest", "What runs"],
    ] as const) {
      await page.goto(`${admin.url}/${at}`);
      await page.locator("main").getByText(there).first().waitFor();
      expect([at, await acts.count()]).toEqual([at, 0]);
    }
    await page.goto(`${admin.url}/#/deliveries/job-1`);
    await page.getByText("Payloads are for operators").waitFor();
    expect(await page.getByText('"answer"').count()).toBe(0);
  });

  test("shows what apps and callers wrote as text, whatever they wrote", async () => {
    const deliveries = testDeliveries(
      storedJob({
        detail: `the app answered ${HOSTILE}`,
        body: Buffer.from(`{"note":${JSON.stringify(HOSTILE)},"esc":"\u001b[31mred","rtl":"\u202egnp.exe"}`),
        request: {
          ...(storedJob().request as NonNullable<ReturnType<typeof storedJob>["request"]>),
          headers: ["X-Evil", HOSTILE, "X-Escape", "a\u001b]0;title\u0007b"],
          target: "/quiz/<b>winner</b>",
        },
        tries: storedJob().tries.map((one) => ({
          ...one,
          body: Buffer.from(HOSTILE).toString("base64"),
          detail: HOSTILE,
        })),
      }),
    );
    const admin = await startAdmin({ deliveries });
    const { page, wrongs } = await open(admin.url, { at: "#/deliveries/job-1" });
    await page.getByText("The app's answer").click();
    await page.locator("main").getByText(HOSTILE).nth(3).waitFor();
    await page.getByText("a\\u001b]0;title\\u0007b").waitFor();
    const body = await page.getByRole("region", { name: "Body" }).last().textContent();
    expect(body).toContain("\\u001b[31mred");
    expect(body).toContain("\\u202egnp.exe");
    await page.goto(`${admin.url}/#/dlq`);
    await page.getByRole("table").getByText(HOSTILE).waitFor();
    expect(await page.locator("main script, main img, main b").count()).toBe(0);
    expect(wrongs).toEqual([]);
  });

  test("takes a hostile address for a name that is not there", async () => {
    const admin = await startAdmin();
    const { page, wrongs } = await open(admin.url, { at: `#/apps/${encodeURIComponent(HOSTILE)}` });
    await page.getByRole("heading", { name: HOSTILE }).waitFor();
    await page.goto(`${admin.url}/#/deliveries/${encodeURIComponent("../status")}`);
    await page.locator("main").getByText("the path holds a dot segment").waitFor();
    await page.goto(`${admin.url}/#/%E0%A4%A`);
    await page.getByRole("heading", { name: "Nothing here" }).waitFor();
    expect(wrongs).toEqual([]);
  });
});
