import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CASES, folder, judgedBy, NOW, SCHEMES, secretOf, snippet } from "../help/signed.ts";

/** The Go of the guide for app developers, compiled and told what we sign. */

const go = spawnSync("go", ["version"]).status === 0;
if (!go) console.warn("go is not installed: the Go of the guide is not run");

test.skipIf(!go).each(SCHEMES)("the Go of %s takes what we sign and nothing else", (info) => {
  const place = folder();
  writeFileSync(join(place, "go.mod"), "module webhook\n\ngo 1.19\n");
  writeFileSync(join(place, "snippet.go"), snippet("go", info).replace("package webhook", "package main"));
  const given =
    info === "verify-platform"
      ? 'headers["x-platform-signature"]'
      : 'headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"]';
  writeFileSync(
    join(place, "main.go"),
    `package main

import (
	"encoding/json"
	"os"
	"time"
)

func main() {
	var cases []struct {
		Headers map[string]string
		Body    []byte
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	judged := []bool{}
	for _, one := range cases {
		headers := one.Headers
		judged = append(judged, IsSigned(${given}, one.Body, os.Args[1], time.UnixMilli(${NOW})))
	}
	json.NewEncoder(os.Stdout).Encode(judged)
}
`,
  );
  const built = spawnSync("go", ["build", "-o", "run", "."], { cwd: place, encoding: "utf8" });
  expect(built.stderr).toBe("");
  expect(judgedBy(join(place, "run"), [secretOf(info)], info)).toEqual(CASES[info]?.map(({ good }) => good));
});
