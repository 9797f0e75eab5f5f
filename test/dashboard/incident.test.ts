import { expect, test } from "vitest";
import { quizYaml, startQuiz, toyHere } from "../help/pair.ts";
import { WELL } from "../help/toy.ts";
import { withBrowser } from "./browser.ts";

/** Incidents from the first sign to the end, with nothing but the dashboard. */

/** What these sidecars take. */
const token = "a-token-of-the-test";

/** Its calls are stored, and an answer of 422 is final. */
const STORED = { webhooks: { hook: { path: "/hook", mode: "async", breaker: { enabled: false } } } };

/** Says yes to the third it is asked about. */
function third(): () => boolean {
  let n = 0;
  return () => ++n === 3;
}

withBrowser("an operator", (open) => {
  test("sees dead letters, finds their cause, switches the upstream, retries them and watches it heal", async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const sidecar = await startQuiz([primary, backup], STORED);
    await primary.health("healthy");
    await primary.behave({ kind: "status", status: 422 });
    for (let n = 0; n < 3; n++) await sidecar.hook({ body: JSON.stringify({ order: n }) });
    await sidecar.event("dlq.added", third());

    const { page, wrongs } = await open(sidecar.adminUrl, { token });
    await page.getByRole("link", { name: /^Look and retry: / }).click();
    // Their cause is in the story of any of them.
    await page.getByRole("table").getByRole("link", { name: /^…/ }).first().click();
    await page.getByText("Send 1 to primary: answered 422").waitFor();

    await page.getByRole("link", { name: "quiz/hook" }).click();
    await page.getByRole("link", { name: "quiz", exact: true }).click();
    await page.getByRole("button", { name: "Switch here: backup" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("go to backup").waitFor();
    await dialog.getByRole("button", { name: "Switch to backup" }).click();
    await page.getByText("Pinned to backup by ops").waitFor();

    await page.getByRole("link", { name: /^Dead letters/ }).click();
    await page.getByRole("button", { name: "Retry all…" }).click();
    await dialog.getByRole("heading", { name: "Retry 3 dead letters?" }).waitFor();
    await dialog.getByRole("button", { name: "Retry 3" }).click();
    await page.getByText("3 dead letters queued again.").waitFor();
    await page.getByText("No dead letters").waitFor();
    await sidecar.event("delivery.delivered", third());
    expect(backup.calls()).toBe(3);

    // The app is mended: health chooses again.
    await primary.behave(WELL);
    await page.getByRole("link", { name: "Overview", exact: true }).first().click();
    await page.getByRole("link", { name: "Look at its upstreams: quiz is degraded" }).click();
    await page.getByRole("button", { name: "Release quiz" }).click();
    await dialog.getByRole("button", { name: "Release", exact: true }).click();
    await page.getByText("Health chooses which one serves").waitFor();
    await page.getByRole("link", { name: "Overview", exact: true }).first().click();
    const row = page.getByRole("row", { name: /^quiz/ });
    await row.getByText("healthy").waitFor();
    await row.getByText("primary").waitFor();
    await page.getByRole("link", { name: "Audit" }).click();
    await page.getByRole("cell", { name: "failover.switch" }).waitFor();
    expect(wrongs).toEqual([]);
  });

  test("sees an upstream die and come back without touching the page", async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const sidecar = await startQuiz([primary, backup]);
    const { page, wrongs } = await open(sidecar.adminUrl, { token });
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByText("Nothing wants you.").waitFor();
    await primary.behave({ kind: "refuse" });
    await page.getByText("quiz is degraded", { exact: true }).waitFor();
    await page.getByRole("row", { name: /^quiz/ }).getByText("backup").waitFor();
    await primary.behave(WELL);
    await page.getByText("Nothing wants you.").waitFor();
    await page.getByRole("row", { name: /^quiz/ }).getByText("primary").waitFor();
    expect(wrongs).toEqual([]);
  });

  test("trips a breaker and resets it", async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const sidecar = await startQuiz([primary, backup], { webhooks: { hook: { path: "/hook" } } });
    const { page, wrongs } = await open(sidecar.adminUrl, { token, at: "#/routes/quiz/hook" });
    await page.getByRole("button", { name: "Trip the breakers of quiz/hook" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("callers get the fallback or 503; those of an async route get 202").waitFor();
    await dialog.getByRole("button", { name: "Trip for 10 minutes" }).click();
    await page.getByRole("cell", { name: "open" }).nth(1).waitFor();
    expect((await sidecar.hook()).status).toBe(503);
    await page.getByRole("button", { name: "Reset the breakers of quiz/hook" }).click();
    await dialog.getByRole("button", { name: "Reset", exact: true }).click();
    await page.getByRole("cell", { name: "closed" }).nth(1).waitFor();
    expect((await sidecar.hook()).status).toBe(200);
    expect(wrongs).toEqual([]);
  });

  test("watches calls fail, with every try of them", async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const sidecar = await startQuiz([primary, backup]);
    for (const toy of [primary, backup]) {
      await toy.health("healthy");
      await toy.behave({ kind: "status", status: 500 });
    }
    const { page, wrongs } = await open(sidecar.adminUrl, { token, at: "#/routes/quiz/hook" });
    const opened = page.waitForResponse((response) => response.url().includes("type=request.completed"));
    await page.getByRole("button", { name: "Watch every try" }).click();
    await opened;
    const { status } = await sidecar.hook();
    const log = page.getByRole("log");
    await log.getByText(`answered ${status} after`).waitFor();
    await log.getByText(/Try 1 on primary: answered 500/).waitFor();
    await log.getByText(/Try 2 on backup: answered 500/).waitFor();
    expect(wrongs).toEqual([]);
  });

  test("sees an alert fire, and silences it for the others to read why", async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const alerts = { interval: "1s", rules: [{ name: "dead-letters", metric: "dlq_size", above: 0 }] };
    const sidecar = await startQuiz([primary, backup], { ...STORED, more: { alerts } });
    await primary.behave({ kind: "status", status: 422 });
    await sidecar.hook();
    await sidecar.event("alert.firing");
    const { page, wrongs } = await open(sidecar.adminUrl, { token });
    await page.getByRole("link", { name: "Look at the alerts: 1 alert fires" }).click();
    await page.getByRole("button", { name: "Silence dead-letters of the service" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox").selectOption("4h");
    await dialog.getByLabel("Reason").fill("being mended");
    await dialog.getByRole("button", { name: "Silence" }).click();
    await page
      .getByRole("row", { name: /^dead-letters/ })
      .getByText("silenced", { exact: true })
      .waitFor();
    const { items } = await sidecar.admin<{ items: { silence: { reason: string } }[] }>("/alerts");
    expect(items.map(({ silence }) => silence.reason)).toEqual(["being mended"]);
    await page.getByRole("button", { name: /^Unsilence/ }).click();
    await dialog.getByRole("button", { name: "Unsilence" }).click();
    await page.getByRole("button", { name: "Silence dead-letters of the service" }).waitFor();
    expect(wrongs).toEqual([]);
  });

  test("edits the rules of alerts, is told what is wrong with them, and goes back to the manifest's", async () => {
    const sidecar = await startQuiz([await toyHere("primary")]);
    const { page, wrongs } = await open(sidecar.adminUrl, { token, at: "#/alerts" });
    await page.getByRole("button", { name: "Edit the rules of alerts" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Rules").fill('[{ "name": "dead", "metric": "nothing" }]');
    await dialog.getByRole("button", { name: "Set these rules" }).click();
    await dialog.getByRole("alert").getByText("metric").waitFor();
    await dialog.getByLabel("Rules").fill('[{ "name": "dead", "metric": "dlq_size", "above": 3 }]');
    await dialog.getByRole("button", { name: "Set these rules" }).click();
    await page.getByText("dlq size above 3").waitFor();
    await page.getByText("set by ops in place of the manifest's").waitFor();
    await page.getByRole("button", { name: "Back to the manifest's…" }).click();
    await dialog.getByRole("button", { name: "Go back" }).click();
    await page.getByText("breaker open").waitFor();
    expect(wrongs).toEqual([]);
  });

  test("pauses the deliveries of an app and lets them go on", async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const sidecar = await startQuiz([primary, backup], STORED);
    await sidecar.hook();
    await sidecar.event("delivery.delivered");
    const { page } = await open(sidecar.adminUrl, { token, at: "#/apps/quiz" });
    await page.getByRole("button", { name: "Pause deliveries" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Pause deliveries" }).click();
    await page.getByText("Paused by ops").waitFor();
    await sidecar.hook();
    await page.getByText("1 delivery waits").waitFor();
    expect(primary.calls()).toBe(1);
    await page.getByRole("button", { name: "Resume deliveries" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Resume deliveries" }).click();
    await page.getByRole("button", { name: "Pause deliveries" }).waitFor();
    await primary.called(2);
  });

  test("sees what a reload changed, and where a value was set", async () => {
    const primary = await toyHere("primary");
    const quiz = (timeout: string) => ({ webhooks: { hook: { path: "/hook", timeout } } });
    const sidecar = await startQuiz([primary], quiz("3s"));
    const { page, wrongs } = await open(sidecar.adminUrl, { token, at: "#/manifest" });
    await page.getByText("the first").waitFor();
    await page.getByText("Every value, all defaults filled").click();
    await page.getByText("dataDir").waitFor();
    sidecar.write(quizYaml([primary], quiz("4s")));
    await page.getByRole("link", { name: "What revision 2 changed" }).click();
    const diff = page.getByRole("region", { name: "From revision 1 to 2" });
    await diff.getByText("3000").first().waitFor();
    await diff.getByText("4000").first().waitFor();
    await page.getByLabel("Path").fill("/quiz/hook");
    await page.getByRole("button", { name: "Explain" }).click();
    await page
      .getByRole("row", { name: /timeout/ })
      .first()
      .getByText(/outrigger\.yaml/)
      .waitFor();
    expect(wrongs).toEqual([]);
  });
});
