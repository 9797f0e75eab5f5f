import { expect, test } from "vitest";
import { eventRecord } from "../../src/core/event.record.ts";
import { NOTICE_FIELDS, parseNoticeTemplate } from "../../src/core/notice.ts";
import { breakerMoved, fallbackUsed, upstreamHealth, upstreamMoved } from "../help/events.ts";

test("a template is cut into text and references, however they are written", () => {
  expect(parseNoticeTemplate("from {event:from} in {label:room}!")).toEqual([
    "from ",
    { kind: "event", name: "from" },
    " in ",
    { kind: "label", name: "room" },
    "!",
  ]);
  expect(parseNoticeTemplate("{body:/to_url}{body:/labels/room}")).toEqual([
    { kind: "event", name: "to_url" },
    { kind: "label", name: "room" },
  ]);
  expect(parseNoticeTemplate("")).toEqual([]);
});

test("other braces are only text", () => {
  for (const text of ["{}", "{ event:from }", "{from}", '{"a":{"b":1}}', "{event:from"])
    expect(parseNoticeTemplate(text)).toEqual([text]);
});

test.each([
  ["{event:}", "no field"],
  ["{event:form}", "known: type, at, app"],
  ["{event:__proto__}", "no field"],
  ["{body:/attempts/0/upstream}", "no field"],
  ["{label:}", "no label"],
  ["{label:a b}", "no label"],
  ["{header:X-Room}", "no headers"],
])("%s is refused: %s", (text, said) => {
  expect(parseNoticeTemplate(`before ${text}`)).toEqual({ wrong: expect.stringContaining(said) });
});

test("every single value of a move, a change of health, a breaker and a fallback can be named", () => {
  const events = [upstreamMoved({ by: "ops" }), upstreamHealth(), breakerMoved(), fallbackUsed()];
  const single = events.flatMap((event) =>
    Object.entries(eventRecord(event)).flatMap(([name, value]) => (typeof value === "object" ? [] : name)),
  );
  expect([...new Set(single)].filter((name) => !(NOTICE_FIELDS as readonly string[]).includes(name))).toEqual([]);
});
