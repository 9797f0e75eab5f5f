import htm from "htm";
import { h, type VNode } from "preact";

/** Markup as tagged templates. Values become text or attributes, never markup: what an app sent is shown as it is. */
export const html = htm.bind(h) as (strings: TemplateStringsArray, ...values: unknown[]) => VNode;
