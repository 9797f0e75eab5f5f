import type { Page } from "playwright-core";

/** What WCAG 2.2 AA asks that a program can see: contrast, names, structure. */

/** Everything that is wrong with the page as it is now, a line each; empty where nothing is. */
export function audit(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Colour = readonly [r: number, g: number, b: number, a: number];
    const wrong: string[] = [];
    const shown = (element: Element): boolean =>
      element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const hidden = (element: Element): boolean => getComputedStyle(element).clipPath.startsWith("inset");
    const told = (element: Element): string =>
      `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""} "${(element.textContent ?? "").trim().slice(0, 40)}"`;

    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const colourOf = (text: string): Colour => {
      if (canvas === null) throw new Error("no canvas");
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      const [r = 0, g = 0, b = 0, a = 0] = canvas.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a]: Colour, [r2, g2, b2]: Colour): Colour => [
      r * a + r2 * (1 - a),
      g * a + g2 * (1 - a),
      b * a + b2 * (1 - a),
      1,
    ];
    const groundOf = (element: Element | null): Colour => {
      if (element === null) return [255, 255, 255, 1];
      const own = colourOf(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : over(own, groundOf(element.parentElement));
    };
    const light = ([r, g, b]: Colour): number => {
      const [x = 0, y = 0, z = 0] = [r, g, b].map((c) =>
        c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const contrast = (a: Colour, b: Colour): number => {
      const [high = 0, low = 0] = [light(a), light(b)].sort((x, y) => y - x);
      return (high + 0.05) / (low + 0.05);
    };
    const checkContrast = (element: Element): void => {
      const style = getComputedStyle(element);
      const size = Number.parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      const ground = groundOf(element);
      const found = contrast(over(colourOf(style.color), ground), ground);
      if (found < (large ? 3 : 4.5)) wrong.push(`contrast ${found.toFixed(2)}: ${told(element)}`);
    };
    for (const element of document.body.querySelectorAll("*")) {
      const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim());
      const off = element.closest(":disabled, svg, noscript, option") !== null;
      if (own && !off && shown(element) && !hidden(element)) checkContrast(element);
    }

    const nameOf = (element: Element): string => {
      const by = element.getAttribute("aria-labelledby");
      const label = "labels" in element ? [...((element.labels as NodeListOf<Element> | null) ?? [])] : [];
      const named = by === null ? label : by.split(" ").map((id) => document.getElementById(id));
      const text = named.map((one) => one?.textContent ?? "").join(" ");
      return (element.getAttribute("aria-label") ?? (text || element.textContent) ?? "").trim();
    };
    for (const element of document.querySelectorAll(
      "a[href], button, input, select, summary, dialog, [role=img], [role=region], section, nav",
    ))
      if (shown(element) && nameOf(element) === "") wrong.push(`no name: ${told(element)}`);
    for (const image of document.querySelectorAll("img:not([alt]), svg:not([aria-hidden]):not([aria-label])"))
      wrong.push(`no text: ${told(image)}`);

    const heads = [...document.querySelectorAll("h1, h2, h3, h4")].map((head) => Number(head.tagName.slice(1)));
    if (heads.filter((level) => level === 1).length !== 1) wrong.push(`headings of the first level: ${heads}`);
    if (heads.some((level, i) => level > (heads[i - 1] ?? 0) + 1)) wrong.push(`heading skips: ${heads}`);
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) wrong.push(`twice: #${id}`);
    if (document.querySelectorAll("main").length !== 1 || document.documentElement.lang === "")
      wrong.push("no main, or no language");
    if (document.documentElement.scrollWidth > innerWidth)
      wrong.push(`wider than the screen: ${document.documentElement.scrollWidth}`);
    return wrong;
  });
}

/**
 * Goes through the page by Tab until it comes back to the start, and returns what of all that can be operated was never
 * reached, or shows nothing while it has the focus.
 */
export async function walk(page: Page): Promise<string[]> {
  const all = await page.evaluate(() => {
    const found = [...document.querySelectorAll("a[href], button, input, select, summary")].filter((element) =>
      element.checkVisibility(),
    );
    for (const [i, element] of found.entries()) element.setAttribute("data-walk", String(i));
    (document.activeElement as HTMLElement | null)?.blur();
    return found
      .filter((element) => !element.matches(":disabled"))
      .map((element) => element.getAttribute("data-walk") ?? "");
  });
  const reached = new Set<string>();
  const wrong: string[] = [];
  // Some of what has the focus only scrolls.
  for (let n = 0; n < all.length * 2 + 20 && reached.size < all.length; n++) {
    await page.keyboard.press("Tab");
    const [id, seen] = await page.evaluate(() => {
      const { activeElement: now } = document;
      if (now === null) return ["", true] as const;
      const style = getComputedStyle(now);
      return [
        now.getAttribute("data-walk") ?? "",
        style.outlineStyle !== "none" && style.outlineWidth !== "0px",
      ] as const;
    });
    if (id === "" || reached.has(id)) continue;
    reached.add(id);
    if (!seen) wrong.push(`no focus to be seen: ${id}`);
  }
  return [...wrong, ...all.filter((id) => !reached.has(id)).map((id) => `not reached: ${id}`)];
}
