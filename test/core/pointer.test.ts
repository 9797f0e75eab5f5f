import fc from "fast-check";
import { expect, test } from "vitest";
import { countItems, itemsAt, jsonAt } from "../../src/core/jsontext.ts";
import { arrayIndex, parsePointer } from "../../src/core/pointer.ts";

const at = (text: string, pointer: string): string | undefined => jsonAt(text, parsePointer(pointer) ?? ["none"]);
const escapeToken = (token: string): string => token.replaceAll("~", "~0").replaceAll("/", "~1");

test("the examples of RFC 6901 section 5 name what it says they name", () => {
  const text = JSON.stringify({
    foo: ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
  });
  expect(at(text, "")).toBe(text);
  expect(at(text, "/foo")).toBe('["bar","baz"]');
  expect(at(text, "/foo/0")).toBe('"bar"');
  const others = ["/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", '/k"l', "/ ", "/m~0n"];
  expect(others.map((pointer) => at(text, pointer))).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
});

test.each(["foo", "/~", "/a~2", "/~/x", "#/foo", " /a"])("%j is no pointer", (text) => {
  expect(parsePointer(text)).toBeNull();
});

test("~01 is the name ~1, since ~1 is read before ~0", () => {
  expect(parsePointer("/~01")).toEqual(["~1"]);
});

test("an array has no element by another spelling of its number, and none after the last", () => {
  expect(["0", "1", "10"].map(arrayIndex)).toEqual([0, 1, 10]);
  expect(["-", "00", "01", "1.0", "-1", "+1", " 1", "", "1e0", "length"].map(arrayIndex)).toEqual(Array(10).fill(-1));
  expect(at('["a"]', "/1")).toBeUndefined();
  expect(at('["a"]', "/-")).toBeUndefined();
  expect(at('["a"]', "/length")).toBeUndefined();
});

test("nothing is found below a scalar, in what a name inherits, or past what is there", () => {
  expect(at('{"a":"text"}', "/a/0")).toBeUndefined();
  expect(at('{"a":1}', "/toString")).toBeUndefined();
  expect(at('{"a":1}', "/__proto__")).toBeUndefined();
  expect(at('{"__proto__":1}', "/__proto__")).toBe("1");
  expect(at("{}", "/a")).toBeUndefined();
  expect(at("[]", "/0")).toBeUndefined();
});

test("values are copied as they were spelled", () => {
  const text = ' { "id" : 12345678901234567890 , "x" : [ 1.0 , 1e2, { "b":1, "1":2 } ] , "s":"\\u0041\\"}" } ';
  expect(at(text, "")).toBe(text.trim());
  expect(at(text, "/id")).toBe("12345678901234567890");
  expect(at(text, "/x/0")).toBe("1.0");
  expect(at(text, "/x/2")).toBe('{ "b":1, "1":2 }');
  expect(at(text, "/s")).toBe('"\\u0041\\"}"');
});

test("of equal names the last counts, escaped or not", () => {
  expect(at('{"a":1,"\\u0061":{"b":2},"c":3}', "/a")).toBe('{"b":2}');
  expect(at('{"a":{"b":1},"a":2}', "/a/b")).toBeUndefined();
});

test("depth that would overflow a stack is walked", () => {
  const deep = `${"[".repeat(200_000)}1${"]".repeat(200_000)}`;
  expect(at(`{"a":${deep},"b":2}`, "/b")).toBe("2");
});

test("every value of any document is found by its pointer, with any spacing", () => {
  const walk = (value: unknown, pointer: string, text: string): void => {
    const found = at(text, pointer);
    expect(found).toBeDefined();
    expect(JSON.parse(found ?? "")).toEqual(value);
    expect(found).toBe(found?.trim());
    if (value === null || typeof value !== "object") return;
    for (const [key, child] of Object.entries(value)) walk(child, `${pointer}/${escapeToken(key)}`, text);
  };
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(undefined, 1, "\t", " \r\n"), (json, space) => {
      const value: unknown = JSON.parse(json);
      walk(value, "", JSON.stringify(value, null, space));
    }),
  );
});

test("the items of any array are its elements, in the order asked for", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue({ maxDepth: 3 })), fc.constantFrom(undefined, 1), (list, space) => {
      const text = JSON.stringify(list, null, space);
      const backwards = [...list.keys()].toReversed();
      expect(countItems(text)).toBe(list.length);
      expect(itemsAt(text, backwards).map((item) => JSON.parse(item) as unknown)).toEqual(
        (JSON.parse(text) as unknown[]).toReversed(),
      );
    }),
  );
  expect(itemsAt("[1]", [1, 0])).toEqual(["", "1"]);
  expect([countItems('{"a":[1]}'), countItems('"[1]"'), countItems(" [ ] ")]).toEqual([null, null, 0]);
});
