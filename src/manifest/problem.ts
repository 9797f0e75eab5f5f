import type { Place } from "./source.ts";

/** One thing wrong with a manifest, or (a warning) unwise in it. An environment variable has no file and line 0. */
export interface ManifestProblem {
  /** As it was named: on the command line, or joined to the file that includes it. Empty for the environment. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly col: number;
  /** As in `apps.quiz.webhooks.answer.timeout`; `syntax` where YAML itself is broken; or the variable's name. */
  readonly path: string;
  /** What is wrong and what was expected. Holds no secret. */
  readonly message: string;
  readonly severity: "error" | "warning";
}

/** `file:line:col path: message`, or `NAME: message` for an environment variable. */
export function formatProblem(p: ManifestProblem): string {
  const where = p.file === "" ? p.path : `${p.file}:${p.line}:${p.col} ${p.path}`;
  return `${where}: ${p.severity === "warning" ? "warning: " : ""}${p.message}`;
}

/** A problem of a file as a whole. */
export function problemOf(file: string, message: string): ManifestProblem {
  return { file, line: 1, col: 1, path: "file", message, severity: "error" };
}

/** A path of keys and indexes as people write it: `apps.quiz.upstreams[1].url`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) text += typeof part === "number" ? `[${part}]` : `${text === "" ? "" : "."}${String(part)}`;
  return text;
}

/** Beyond this many the rest is only counted: a generated file with one mistake on every line stays readable. */
const MAX_PROBLEMS = 500;

const MAX_MESSAGE = 600;
const shorten = (text: string): string => (text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text);

/** Gathers problems of all kinds, so that one kind never hides another. */
export interface Report {
  error(place: Place, path: readonly PropertyKey[], message: string): void;
  warn(place: Place, path: readonly PropertyKey[], message: string): void;
  env(name: string, message: string): void;
  /** Has anything been reported that refuses the manifest? */
  failed(): boolean;
  /** In the order of file and line, secrets masked, the environment last. */
  list(severity: ManifestProblem["severity"], mask: (text: string) => string): ManifestProblem[];
}

/** `main` is the file whose problems are listed first. */
export function createReport(main: string): Report {
  const found: ManifestProblem[] = [];
  const counts = { error: 0, warning: 0 };
  const seen = new Set<string>();
  const add = (p: ManifestProblem): void => {
    const key = `${p.file}:${p.line}:${p.col} ${p.path} ${p.message}`;
    if (seen.has(key)) return;
    counts[p.severity]++;
    if (counts[p.severity] > MAX_PROBLEMS) return;
    seen.add(key);
    found.push(p);
  };
  const at =
    (severity: ManifestProblem["severity"]) =>
    (place: Place, path: readonly PropertyKey[], message: string): void => {
      const { line, col } = place.source.position(place.offset);
      add({ file: place.source.file, line, col, path: pathText(path) || "syntax", message, severity });
    };
  return {
    error: at("error"),
    warn: at("warning"),
    env: (name, message) => add({ file: "", line: 0, col: 0, path: name, message, severity: "error" }),
    failed: () => counts.error > 0,
    list(severity, mask) {
      const mine = found
        .filter((p) => p.severity === severity)
        .map((p) => ({ ...p, path: mask(p.path), message: shorten(mask(p.message)) }));
      const files = [...new Set([main, ...mine.map((p) => p.file)])];
      const rank = (p: ManifestProblem): number => (p.file === "" ? files.length : files.indexOf(p.file));
      mine.sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.col - b.col);
      const more = counts[severity] - mine.length;
      const last = mine.at(-1);
      if (more > 0 && last) mine.push({ ...last, message: `and ${more} more of them` });
      return mine;
    },
  };
}
