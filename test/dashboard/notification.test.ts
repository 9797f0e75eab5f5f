import { expect, onTestFinished, test } from "vitest";
import { startQuiz, toyHere } from "../help/pair.ts";
import { startMailServer } from "../help/smtp.ts";
import { withBrowser } from "./browser.ts";

/** From a mail to the page that its link names. */

const token = "a-token-of-the-test";

withBrowser("the link in a mail", (open) => {
  test("leads to what was told, who was told, and what it is about; and it is marked as read there", async () => {
    const mail = await startMailServer();
    onTestFinished(() => mail.stop());
    const notify = {
      channels: {
        mail: { type: "email", smtp: `smtp://127.0.0.1:${mail.port}`, from: "o@x.example", to: "a@x.example" },
      },
      routes: [{ on: ["breaker.opened"], to: ["mail"] }],
    };
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const sidecar = await startQuiz([primary, backup], { webhooks: { hook: { path: "/hook" } }, more: { notify } });
    await sidecar.admin("/circuit-breaker/quiz/hook/trip", {});
    await mail.received(1);
    const text = (mail.mails[0]?.raw ?? "").replaceAll("=\r\n", "").replaceAll("=3D", "=");
    const [, at] = new RegExp(`${sidecar.adminUrl}/(#/notifications/[\\w-]+)`).exec(text) ?? [];
    expect(text).toContain("#/notifications/");

    const { page, wrongs } = await open(sidecar.adminUrl, { token, at: at ?? "" });
    await page.getByRole("heading", { level: 1, name: "Notification" }).waitFor();
    await page.getByText("mail: sent").waitFor();
    await page.getByRole("button", { name: /^Mark as read/ }).click();
    await page.getByText("read by ops").waitFor();
    await page.getByRole("link", { name: "Alerts and all notifications" }).click();
    await page
      .getByRole("link", { name: /breaker/ })
      .first()
      .click();
    await page.getByRole("link", { name: "Look at quiz/hook" }).click();
    await page.getByText("Failures in a row").first().waitFor();
    expect(wrongs).toEqual([]);
  });

  test("says of one that is gone that there is none", async () => {
    const sidecar = await startQuiz([await toyHere("primary")]);
    const { page } = await open(sidecar.adminUrl, {
      token,
      at: "#/notifications/019b76da-a800-7000-8000-000000000001",
    });
    await page.getByText("This Outrigger has no such notification.").waitFor();
  });
});
