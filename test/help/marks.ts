import { createHash } from "node:crypto";

/** Secrets that can be known again wherever they come out: each one named by the place where it was planted. */
export interface Marks {
  /** A token of 26 letters and digits, the same each time for one place. */
  token(place: string): string;
  /** A key of Standard Webhooks; `kind` as in `whsec_` and `whsk_`. */
  key(place: string, kind?: "whsec" | "whsk"): string;
  /** Makes a text that was not ours to choose, such as a signature, a mark. */
  know(place: string, text: string): void;
  /** The places whose marks are in it: as they are, or in base64, hex, percent-encoded or JSON. */
  find(where: string | Uint8Array): string[];
}

export function createMarks(): Marks {
  const forms = new Map<string, readonly string[]>();
  const know = (place: string, text: string): void => void forms.set(place, spellings(text));
  return {
    token(place) {
      const text = `Mk${digest(place).toString("hex").slice(0, 24)}`;
      know(place, text);
      return text;
    },
    key(place, kind = "whsec") {
      const text = digest(place).toString("base64");
      // Without its prefix it is no less a secret.
      know(place, text);
      return `${kind}_${text}`;
    },
    know,
    find(where) {
      const text = typeof where === "string" ? where : Buffer.from(where).toString("latin1");
      return [...forms].filter(([, all]) => all.some((form) => text.includes(form))).map(([place]) => place);
    },
  };
}

function digest(place: string): Buffer {
  return createHash("sha256").update(place).digest();
}

function spellings(text: string): string[] {
  const bytes = Buffer.from(text);
  const hex = bytes.toString("hex");
  return [
    ...new Set([
      text,
      JSON.stringify(text).slice(1, -1),
      encodeURIComponent(text),
      hex,
      hex.toUpperCase(),
      ...[0, 1, 2].flatMap((before) => inBase64(bytes, before)),
    ]),
  ];
}

/** What base64 makes of the bytes with so many others before them, less the characters that these have a part in. */
function inBase64(bytes: Buffer, before: number): string[] {
  const whole = Buffer.concat([Buffer.alloc(before), bytes]);
  const text = whole.toString("base64").replace(/=+$/, "");
  const inner = text.slice(before === 0 ? 0 : before + 1, whole.length % 3 === 0 ? undefined : -1);
  return [inner, inner.replaceAll("+", "-").replaceAll("/", "_")];
}
