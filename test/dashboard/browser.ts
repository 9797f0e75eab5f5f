import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, onTestFinished } from "vitest";
import { OPERATOR } from "../help/admin.ts";

/** Debian's Chromium, looking at the dashboard as an operator does. */

const CHROMIUM = "/usr/bin/chromium";
const there = existsSync(CHROMIUM);
if (!there) console.warn(`no ${CHROMIUM}: the tests of the dashboard are skipped (apt-get install chromium)`);

/** As root there is no sandbox; and nothing but the page goes out. */
const ARGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"];

const WAIT_MS = 20_000;

export interface Look extends BrowserContextOptions {
  /** The page's address after `/`, as in `#/dlq`. */
  readonly at?: string;
  /** null: not signed in. */
  readonly token?: string | null;
  /** Done to the page before it loads anything. */
  readonly before?: (page: Page) => Promise<unknown>;
}

/** A page, and what went wrong in it: errors, and what the browser refused to do. */
export interface Seen {
  readonly page: Page;
  readonly wrongs: readonly string[];
}

/** Tests with a browser, one for all of a file. Where there is none they are skipped, but never in CI. */
export function withBrowser(name: string, tests: (open: (url: string, look?: Look) => Promise<Seen>) => void): void {
  describe.skipIf(!there && process.env.CI === undefined)(name, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
    });
    afterAll(() => browser?.close());
    tests(async (url, { at = "", token = OPERATOR, before, ...options } = {}) => {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
      onTestFinished(() => context.close());
      // Sooner than the test itself, so that a failure says what did not come.
      context.setDefaultTimeout(WAIT_MS);
      const wrongs: string[] = [];
      // Set before any of the page's own code runs.
      if (token !== null)
        await context.addInitScript((value) => sessionStorage.setItem("outrigger-token", value), token);
      const page = await context.newPage();
      page.on("pageerror", (error) => wrongs.push(`error: ${error.message}`));
      page.on("dialog", (dialog) => {
        wrongs.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on("console", (message) => {
        // A refused request is told to the console by the browser itself.
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
          wrongs.push(message.text());
      });
      await before?.(page);
      await page.goto(`${url}/${at}`);
      return { page, wrongs };
    });
  });
}
