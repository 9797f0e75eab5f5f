import { expect, test } from "vitest";
import { quietText, troubleText, wellText } from "../../src/alerts/summary.ts";
import { alertRule, reading } from "../help/alerts.ts";

const bare = { below: null, overMs: null } as const;
const app = reading({ capability: null, samples: 0 });

test.each([
  [alertRule(), reading(), 80, 95, "quiz/winner: success rate 80 % is below 95 %, over 1h (100 calls)"],
  [
    alertRule({ metric: "p95", below: null, above: 5000, overMs: 90_000 }),
    reading({ samples: 1 }),
    5321.7,
    5000,
    "quiz/winner: 95th percentile of durations 5.3s is above 5s, over 1.5m (1 call)",
  ],
  [
    alertRule({ metric: "dlq_size", ...bare, above: 100 }),
    { ...app, app: null, note: "most of quiz/report: 90" },
    130,
    100,
    "all apps: 130 dead letters, above 100; most of quiz/report: 90",
  ],
  [
    alertRule({ metric: "breaker_open", ...bare }),
    reading({ samples: 0, note: "on primary" }),
    1,
    0,
    "quiz/winner: 1 breaker that is not closed; on primary",
  ],
  [
    alertRule({ metric: "health_failures", ...bare, above: 2 }),
    { ...app, upstream: "backup" },
    3,
    2,
    "quiz on backup: 3 failures in a row, above 2",
  ],
  [
    alertRule({ metric: "spool_age", ...bare, above: 60_000 }),
    { ...app, app: null },
    7_200_000,
    60_000,
    "all apps: age of the oldest delivery 2h is above 1m",
  ],
])("trouble in a sentence: %#", (rule, measured, value, threshold, sentence) => {
  expect(troubleText(rule, measured, value, threshold)).toBe(sentence);
});

test("its end says what is measured now, or that nothing can be said", () => {
  expect(wellText(alertRule(), reading(), 99.126)).toBe("quiz/winner: success rate 99.13 %, well again");
  expect(wellText(alertRule({ metric: "dlq_size" }), app, 0)).toBe("quiz: 0 dead letters, well again");
  expect(quietText(alertRule(), reading())).toBe("quiz/winner: too few calls to say anything of the success rate");
});
