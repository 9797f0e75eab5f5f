import { Composer, type Document, isScalar, Lexer, Parser, type Node as YamlNode } from "yaml";

/**
 * One YAML text, parsed within bounds: a hostile text costs no more than its size, which is bounded too. What comes
 * out are the library's nodes; tree.ts turns them into ours.
 */

export interface Source {
  /** As problems name it. */
  readonly file: string;
  /** Absolute: what paths in the text are relative to. */
  readonly path: string;
  /** Both from 1; the column counts UTF-16 units, as editors do. */
  position(offset: number): { readonly line: number; readonly col: number };
}

export interface Place {
  readonly source: Source;
  /** In UTF-16 units from the start of the text. */
  readonly offset: number;
}

/** Says what is wrong at an offset of the text. */
export type Complain = (offset: number, path: readonly PropertyKey[], message: string, severity?: "warning") => void;

const MAX_FILE_BYTES = 4 * 1024 * 1024;
export const MAX_DEPTH = 64;
const MAX_SYNTAX_ERRORS = 20;

/** Parses; null for a text that holds nothing. What is broken is told to `complain`. */
export function parseYaml(text: string, complain: Complain): YamlNode | null | "broken" {
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) {
    complain(0, [], `the file is larger than ${MAX_FILE_BYTES / 1024 / 1024}MiB: split it with include`);
    return "broken";
  }
  const document = compose(text, complain);
  if (document === null) return "broken";
  // Unknown tags and directives are warnings to the library; to us they are things that would be silently ignored.
  const wrong = firstOfEachLine([...document.errors, ...document.warnings], text);
  for (const e of wrong.slice(0, MAX_SYNTAX_ERRORS)) complain(e.pos[0], [], syntaxMessage(text, e));
  if (wrong.length > MAX_SYNTAX_ERRORS) {
    complain(wrong.at(-1)?.pos[0] ?? 0, [], `and ${wrong.length - MAX_SYNTAX_ERRORS} more of them`);
  }
  if (wrong.length > 0) return "broken";
  const { contents } = document;
  return contents === null || (isScalar(contents) && contents.value === null) ? null : contents;
}

/** What is broken once confuses the rest of its line: only the first error of a line helps. */
function firstOfEachLine<E extends { readonly pos: readonly number[] }>(errors: readonly E[], text: string): E[] {
  const sorted = errors.toSorted((a, b) => (a.pos[0] ?? 0) - (b.pos[0] ?? 0));
  let end = -1;
  return sorted.filter(({ pos: [at = 0] }) => {
    if (at <= end) return false;
    const newline = text.indexOf("\n", at);
    end = newline === -1 ? text.length : newline;
    return true;
  });
}

/** Drives the library's parser token by token, so that nesting is bounded before its recursion can overflow. */
function compose(text: string, complain: Complain): Document.Parsed | null {
  const parser = new Parser();
  // Duplicate keys are found below with a map; the library compares each key with each.
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false, schema: "core" });
  let document: Document.Parsed | null = null;
  let several = false;
  const take = (found: Iterable<Document.Parsed>): void => {
    for (const d of found) {
      if (document) several = true;
      else document = d;
    }
  };
  // Each library error captures a stack trace; on a text of nothing but errors that is most of the time.
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    for (const lexeme of new Lexer().lex(text)) {
      for (const token of parser.next(lexeme)) take(composer.next(token));
      if (parser.stack.length > MAX_DEPTH) {
        complain(parser.offset, [], `nested deeper than ${MAX_DEPTH} levels`);
        return null;
      }
      if (several) break;
    }
    for (const token of parser.end()) take(composer.next(token));
    take(composer.end(true, text.length));
  } catch (error) {
    // No text is known to do this; a bug of the library must still not end the sidecar.
    complain(0, [], `this YAML can't be read: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  } finally {
    Error.stackTraceLimit = limit;
  }
  if (several) {
    complain(0, [], "more than one document in the file (a line of ---): a manifest is one document");
    return null;
  }
  return document;
}

/** The library's own words quote the text, which may be a secret: one that begins with `*` or `!`, say. */
const IN_OUR_WORDS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "a tab cannot indent in YAML: use spaces",
  TAG_RESOLVE_FAILED: "a tag means nothing here: put a text that begins with ! in quotes",
  BAD_COLLECTION_TYPE: "a tag means nothing here: put a text that begins with ! in quotes",
  BAD_DIRECTIVE: "a directive means nothing here: put a text that begins with % in quotes",
  BAD_DQ_ESCAPE: "no escape sequence of YAML: in double quotes a backslash is written \\\\",
  BAD_ALIAS: "an alias that can't be read: put a text that begins with * in quotes",
};

function syntaxMessage(
  text: string,
  e: { readonly code: string; readonly message: string; readonly pos: readonly number[] },
): string {
  const at = e.pos[0] ?? 0;
  const line = text.slice(text.lastIndexOf("\n", at - 1) + 1, (text.indexOf("\n", at) + 1 || text.length + 1) - 1);
  const said = IN_OUR_WORDS[e.code] ?? lowerFirst(e.message.replace(/(?:: "| characters: ).*$/s, ""));
  const flow = /[[{].*\$\{/.test(line) ? `; inside [ ] or { } a \${NAME} needs quotes around it` : "";
  return `${said}${flow}`;
}

const lowerFirst = (text: string): string =>
  /^[A-Z][a-z ]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
