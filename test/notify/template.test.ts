import { expect, test } from "vitest";
import type { EventRecord } from "../../src/core/event.record.ts";
import { NOTICE_FIELDS } from "../../src/core/notice.ts";
import { type NoticeContext, noticeFrom, noticeOf } from "../../src/notify/notice.ts";
import { compileJson, compileText } from "../../src/notify/template.ts";
import { EVENT_SAMPLES } from "../help/event.samples.ts";

const CONTEXT: NoticeContext = {
  urlOf: (_app, upstream) => `http://${upstream}.example/`,
  ownerOf: () => null,
  dashboard: null,
  mask: (text) => text,
};

/** `labels` have `{label:name}`; events with `peer` reach no channel. */
const APART = new Set(["labels", "peer"]);

const named = (record: EventRecord): string[] => Object.keys(record).filter((name) => !APART.has(name));
const heldBack = noticeFrom(
  "n1",
  "notifications.held_back",
  null,
  { type: "notifications.held_back", at: "2026-01-01T00:00:00.000Z", count: 2, about: ["failover", "dlq.added"] },
  CONTEXT,
);
const NOTICES = [...Object.values(EVENT_SAMPLES).map((event) => noticeOf("n1", event, CONTEXT, 2)), heldBack];

test.each(NOTICES.map((notice) => [notice.type, notice] as const))(
  "a template may name every field of %s, and gets its value",
  (_type, notice) => {
    const fields = named(notice.record);
    const body = compileJson(Object.fromEntries(fields.map((name) => [name, `{event:${name}}`])));
    const expected = Object.fromEntries(fields.map((name) => [name, notice.record[name]]));
    expect(JSON.parse(body(notice))).toEqual(expected);
  },
);

test("it may name nothing that no event has", () => {
  const all = new Set(NOTICES.flatMap(({ record }) => named(record)));
  expect(NOTICE_FIELDS.filter((name) => !all.has(name))).toEqual([]);
});

test("within a text a list is its texts, and the tries of a request are counted", () => {
  const rejected = { ...EVENT_SAMPLES["manifest.rejected"], problems: ["a:1:1 no", "b:2:2 no"] };
  const why = compileText("refused: {event:problems}", (text) => text);
  expect(why(noticeOf("n1", rejected, CONTEXT))).toBe("refused: a:1:1 no; b:2:2 no");
  const tries = compileText("{event:attempts} tries", (text) => text);
  expect(tries(noticeOf("n1", EVENT_SAMPLES["request.completed"], CONTEXT))).toBe("0 tries");
  expect(tries(noticeOf("n1", EVENT_SAMPLES["delivery.retry"], CONTEXT))).toBe("1 tries");
  expect(tries(noticeOf("n1", EVENT_SAMPLES.failover, CONTEXT))).toBe(" tries");
});

test("a list of any length makes a text of some length", () => {
  const problems = Array.from({ length: 1_000 }, () => "x".repeat(500));
  const text = compileText("{event:problems}", (value) => value);
  expect(text(noticeOf("n1", { ...EVENT_SAMPLES["manifest.rejected"], problems }, CONTEXT))).toHaveLength(4096);
});
