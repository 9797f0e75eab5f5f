import { dirname, join, relative } from "node:path/posix";
import type { Plugin } from "rolldown";

const TOP = "@@top@@";

/**
 * A module that asks for its own place (`import.meta.url`) hears the one that it would have if each module were a file
 * of its own, wherever it ends: it looks for others from there.
 */
export function places(source: string): Plugin {
  return {
    name: "places",
    transform(code, id) {
      if (!id.startsWith(source) || !code.includes("import.meta.url")) return null;
      const place = join(TOP, relative(source, id)).replace(/\.ts$/, ".js");
      const where = `new URL(${JSON.stringify(place)}, import.meta.url).href`;
      // Nothing moves to another line, so the map stays as good as it is.
      return { code: code.replaceAll("import.meta.url", where), map: null };
    },
    renderChunk(code, { fileName }) {
      if (!code.includes(TOP)) return null;
      return { code: code.replaceAll(TOP, relative(dirname(fileName), ".") || "."), map: null };
    },
  };
}
