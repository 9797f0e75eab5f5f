import fc from "fast-check";
import { expect, test } from "vitest";
import type { MatchSettings } from "../../src/core/settings.route.ts";
import { createRouter } from "../../src/proxy/router.ts";

const match = (path: string, more: Partial<MatchSettings> = {}): MatchSettings => ({
  path,
  methods: null,
  host: null,
  headers: [],
  ...more,
});

/** A router whose values are what the test wrote beside each match. */
const router = (...items: readonly (readonly [value: string, match: MatchSettings])[]) =>
  createRouter(items.map(([value, m]) => ({ value, match: m })));

const found = (value: string, rest = "") => ({ kind: "found", value, rest });
const none = { kind: "none" };

test("an exact path is answered by its very bytes only", () => {
  const { find } = router(["a", match("/quiz/winner")]);
  expect(find("POST", "h", "/quiz/winner", [])).toEqual(found("a"));
  for (const other of ["/quiz/winner/", "/quiz/Winner", "/quiz/w%69nner", "//quiz/winner", "/quiz", "/", "", "*"]) {
    expect(find("POST", "h", other, []), other).toEqual(none);
  }
});

test("an exact path allocates no result: it is the same object every time", () => {
  const { find } = router(["a", match("/x")]);
  expect(find("GET", "h", "/x", [])).toBe(find("POST", "g", "/x", ["A", "b"]));
});

test("a parameter stands for one segment that is not empty, undecoded", () => {
  const { find } = router(["room", match("/rooms/:room/answer")]);
  expect(find("POST", "h", "/rooms/42/answer", [])).toEqual(found("room"));
  expect(find("POST", "h", "/rooms/a%2Fb/answer", [])).toEqual(found("room"));
  expect(find("POST", "h", "/rooms/%zz/answer", [])).toEqual(found("room"));
  expect(find("POST", "h", "/rooms//answer", [])).toEqual(none);
  expect(find("POST", "h", "/rooms/a/b/answer", [])).toEqual(none);
  expect(find("POST", "h", "/rooms/42/answer/", [])).toEqual(none);
});

test("a final star gives the rest with its slash, and needs that slash", () => {
  const { find } = router(["hooks", match("/hooks/*")]);
  expect(find("POST", "h", "/hooks/a/b", [])).toEqual(found("hooks", "/a/b"));
  expect(find("POST", "h", "/hooks/", [])).toEqual(found("hooks", "/"));
  expect(find("POST", "h", "/hooks//evil//x/", [])).toEqual(found("hooks", "//evil//x/"));
  expect(find("POST", "h", "/hooks/%41;a=b", [])).toEqual(found("hooks", "/%41;a=b"));
  expect(find("POST", "h", "/hooks", [])).toEqual(none);
  expect(find("POST", "h", "/hooksa/b", [])).toEqual(none);
});

test("a star for everything and a star after a parameter know where the rest begins", () => {
  expect(router(["all", match("/*")]).find("GET", "h", "/a/b", [])).toEqual(found("all", "/a/b"));
  expect(router(["all", match("/*")]).find("GET", "h", "/", [])).toEqual(found("all", "/"));
  expect(router(["p", match("/:app/x/*")]).find("GET", "h", "/quiz/x/y", [])).toEqual(found("p", "/y"));
});

test("the more specific path wins: exact, parameters, wildcard", () => {
  const { find } = router(
    ["star", match("/a/b/*")],
    ["shorter star", match("/a/*")],
    ["parameter", match("/a/:x/c")],
    ["later parameter", match("/a/b/:x")],
    ["exact", match("/a/b/c")],
  );
  expect(find("GET", "h", "/a/b/c", [])).toEqual(found("exact"));
  expect(find("GET", "h", "/a/b/d", [])).toEqual(found("later parameter"));
  expect(find("GET", "h", "/a/z/c", [])).toEqual(found("parameter"));
  expect(find("GET", "h", "/a/b/c/d", [])).toEqual(found("star", "/c/d"));
  expect(find("GET", "h", "/a/z/d", [])).toEqual(found("shorter star", "/z/d"));
});

test("what chooses among the routes of a path is known, that of its patterns and of each host it may be for too", () => {
  const { chosenBy, underscored } = router(
    ["gold", match("/a/b", { headers: [["x-tier", "gold"]] })],
    ["silver", match("/a/b", { methods: ["PUT"], headers: [["x-tier", "silver"]] })],
    ["any", match("/a/b")],
    ["star", match("/a/*", { headers: [["x-star", "1"]] })],
    ["host", match("/a/:x", { host: "hooks.example", headers: [["x-host", "1"]] })],
    ["elsewhere", match("/b", { headers: [["x-b", "1"]] })],
  );
  expect([...chosenBy("h", "/a/b")].sort()).toEqual(["x-star", "x-tier"]);
  expect([...chosenBy("hooks.example:80", "/a/b")].sort()).toEqual(["x-host", "x-star", "x-tier"]);
  expect(chosenBy("h", "/a/c")).toEqual(["x-star"]);
  expect(chosenBy("h", "/c")).toEqual([]);
  expect(underscored).toBe(false);
  expect(router(["a", match("/a", { headers: [["x_tier", "gold"]] })]).underscored).toBe(true);
});

test("a host beats a more specific path, and a host with its port beats the host alone", () => {
  const { find } = router(
    ["any", match("/a/b")],
    ["host", match("/a/*", { host: "hooks.example" })],
    ["port", match("/a/*", { host: "hooks.example:8080" })],
    ["v6", match("/a/*", { host: "[::1]" })],
  );
  expect(find("GET", "HOOKS.example", "/a/b", [])).toEqual(found("host", "/b"));
  expect(find("GET", "hooks.example:9", "/a/b", [])).toEqual(found("host", "/b"));
  expect(find("GET", "hooks.example:8080", "/a/b", [])).toEqual(found("port", "/b"));
  expect(find("GET", "[::1]:80", "/a/b", [])).toEqual(found("v6", "/b"));
  expect(find("GET", "[::1]", "/a/b", [])).toEqual(found("v6", "/b"));
  expect(find("GET", "other.example", "/a/b", [])).toEqual(found("any"));
  expect(find("GET", "hooks.example", "/elsewhere", [])).toEqual(none);
});

test("more headers win, and a route whose header is missing leaves the request to the next", () => {
  const { find } = router(
    ["plain", match("/x")],
    ["one", match("/x", { headers: [["x-event", "winner"]] })],
    [
      "two",
      match("/x", {
        headers: [
          ["x-event", "winner"],
          ["x-room", "7"],
        ],
      }),
    ],
    ["star", match("/y/*")],
    ["parameter", match("/y/:z", { headers: [["x-event", "winner"]] })],
  );
  expect(find("POST", "h", "/x", ["X-Event", "winner", "X-Room", "7"])).toEqual(found("two"));
  expect(find("POST", "h", "/x", ["X-EVENT", "winner"])).toEqual(found("one"));
  expect(find("POST", "h", "/x", ["X-Event", "Winner"])).toEqual(found("plain"));
  expect(find("POST", "h", "/y/1", [])).toEqual(found("star", "/1"));
  expect(find("POST", "h", "/y/1", ["x-event", "winner"])).toEqual(found("parameter"));
});

test("a known path with another method is 405 with every method that would do", () => {
  const { find } = router(
    ["post", match("/x", { methods: ["POST"] })],
    ["put", match("/:y", { methods: ["PUT", "POST"] })],
    ["host", match("/x", { methods: ["PATCH"], host: "hooks.example" })],
    ["star", match("/s/*", { methods: ["GET"] })],
  );
  expect(find("DELETE", "h", "/x", [])).toEqual({ kind: "method", allow: ["POST", "PUT"] });
  expect(find("DELETE", "hooks.example", "/x", [])).toEqual({ kind: "method", allow: ["PATCH", "POST", "PUT"] });
  expect(find("POST", "h", "/s/t", [])).toEqual({ kind: "method", allow: ["GET"] });
  expect(find("post", "h", "/x", [])).toMatchObject({ kind: "method" });
});

test("another method falls through to a less specific route that takes it", () => {
  const { find } = router(["post", match("/a/b", { methods: ["POST"] })], ["rest", match("/a/*")]);
  expect(find("GET", "h", "/a/b", [])).toEqual(found("rest", "/b"));
});

test("a known path and method with the wrong headers is not found rather than 405", () => {
  const { find } = router(["a", match("/x", { methods: ["POST"], headers: [["x-event", "a"]] })]);
  expect(find("POST", "h", "/x", [])).toEqual(none);
  expect(find("GET", "h", "/x", [])).toEqual({ kind: "method", allow: ["POST"] });
});

/** The naive matcher: look at all, sort by the rule as written. */
function reference(items: readonly MatchSettings[], method: string, host: string, path: string, headers: string[]) {
  const fits = items
    .map((m, order) => ({ m, order, rest: restOf(m.path, path) }))
    .filter(({ m, rest }) => rest !== null && (m.host === null || m.host === host || m.host === host.split(":")[0]));
  const lower = new Map<string, string>();
  for (let i = headers.length - 2; i >= 0; i -= 2) lower.set(headers[i]!.toLowerCase(), headers[i + 1]!);
  const good = fits.filter(
    ({ m }) => (m.methods?.includes(method) ?? true) && m.headers.every(([n, v]) => lower.get(n) === v),
  );
  const rank = ({ m, order }: { m: MatchSettings; order: number }): string =>
    [
      m.host === null ? 2 : m.host.includes(":") ? 0 : 1,
      m.path.endsWith("/*") ? 2 : m.path.includes(":") ? 1 : 0,
      m.path
        .split("/")
        .map((s) => (s === "*" ? 2 : s.startsWith(":") ? 1 : 0))
        .join(""),
      9 - m.headers.length,
      m.methods === null ? 1 : 0,
      String(order).padStart(3, "0"),
    ].join("|");
  const best = good.sort((a, b) => (rank(a) < rank(b) ? -1 : 1))[0];
  if (best !== undefined) return found(String(best.order), best.rest ?? "");
  if (fits.length === 0 || fits.some(({ m }) => m.methods?.includes(method) ?? true)) return none;
  return { kind: "method", allow: [...new Set(fits.flatMap(({ m }) => m.methods ?? []))].sort() };
}

/** The rest after the star (empty without one), or null where the pattern does not fit. */
function restOf(pattern: string, path: string): string | null {
  const source = pattern
    .split("/")
    .map((s) => (s === "*" ? "\0" : s.startsWith(":") ? "[^/]+" : s.replace(/[.%]/g, "\\$&")))
    .join("/")
    .replace("/\0", "(/[^]*)");
  const hit = new RegExp(`^${source}$`).exec(path);
  return hit === null ? null : (hit[1] ?? "");
}

const segment = fc.constantFrom("a", "b", "", "%2e", "c.d");
const pattern = fc
  .tuple(fc.array(fc.oneof(segment, fc.constantFrom(":x", ":y")), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([segments, star]) => `/${[...segments, ...(star ? ["*"] : [])].join("/")}`);
const someMatch = fc.record({
  path: pattern,
  methods: fc.option(fc.subarray(["GET", "POST", "PUT"], { minLength: 1 })),
  host: fc.option(fc.constantFrom("h.example", "h.example:81", "g.example")),
  headers: fc.subarray([["x-a", "1"] as const, ["x-b", "2"] as const]),
});

test("any routes and any request: the router agrees with looking at every route in turn", () => {
  fc.assert(
    fc.property(
      fc.array(someMatch, { maxLength: 12 }),
      fc.constantFrom("GET", "POST", "PUT", "DELETE"),
      fc.constantFrom("h.example", "h.example:81", "h.example:82", "g.example:1", "else"),
      fc.array(segment, { minLength: 1, maxLength: 5 }),
      fc.subarray(["X-A", "X-B", "x-a"]).map((names) => names.flatMap((n) => [n, n.endsWith("-B") ? "2" : "1"])),
      (items, method, host, segments, headers) => {
        const path = `/${segments.join("/")}`;
        const { find } = createRouter(items.map((m, order) => ({ match: m, value: String(order) })));
        expect(find(method, host, path, headers)).toEqual(reference(items, method, host, path, headers));
      },
    ),
    { numRuns: 3000 },
  );
});
