/**
 * Text of others made harmless for people to read: names, details and labels are what callers, apps and manifests say.
 * What each kind of message has for markup is escaped where it is rendered.
 */

const LONGEST = 1000;

/**
 * One line of at most `longest` characters. Line breaks, terminal escapes and other controls become blanks; marks that
 * are not seen, or that turn the direction of what follows, are taken out.
 */
export function plainLine(text: string, longest = LONGEST): string {
  const line = text
    .toWellFormed()
    .replace(/[\p{Cf}\p{Co}\p{Cn}]/gu, "")
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  return line.length <= longest
    ? line
    : `${line
        .slice(0, longest - 1)
        .toWellFormed()
        .replace(/\ufffd$/, "")}…`;
}

/** A value as a command on a shell's line may hold it; null where it could be more than one word. */
export function shellWord(value: unknown): string | null {
  return typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/.test(value) ? value : null;
}
