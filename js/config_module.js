/*
 * Configuration: modules that wait
 *
 * Code with top-level await cannot be bundled as CommonJS. It is bundled as one ES module instead,
 * and that is made a script here: its body becomes an asynchronous function, imports become calls,
 * and `module.ready` is the promise of its exports. esbuild prints imports and exports in a form of
 * its own, each at the start of a line; template literals, the only other thing that could look
 * like one, are switched off for such builds. No line moves, so source maps stay true.
 */

const IMPORT = /^import (?:([^"';]*?) from )?("(?:[^"\\]|\\.)*")(?: with \{[^}]*\})?;$/gm;
const EXPORT = /^export \{([^}]*)\};$/gm;

const HEAD =
  "module.ready = (async (__import) => { " +
  "const __default = (m) => m !== null && m !== undefined && m.__esModule ? m.default : m; ";

/** "a, b as c" with `as` turned into what separates the two. */
function names(list, separator) {
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")
    .map((name) => name.replace(/\s+as\s+/, separator));
}

/** The line breaks of a text, to be put back in its place. */
function breaks(text) {
  return "\n".repeat(text.split("\n").length - 1);
}

function importCall(whole, clause, from, count) {
  if (clause === undefined) return `__import(${from});${breaks(whole)}`;
  const [, single, , space, list] = /^([\w$]+)?(,\s*)?(?:\* as ([\w$]+))?(?:\{([\s\S]*)\})?$/.exec(clause);
  const parts = [`__import_${count} = __import(${from})`];
  if (single !== undefined) parts.push(`${single} = __default(__import_${count})`);
  if (space !== undefined) parts.push(`${space} = __import_${count}`);
  if (list !== undefined) {
    for (const pair of names(list, ":")) {
      const [imported, local = imported] = pair.split(":");
      const value = imported === "default" ? `__default(__import_${count})` : `__import_${count}.${imported}`;
      parts.push(`${local} = ${value}`);
    }
  }
  return `var ${parts.join(", ")};${breaks(whole)}`;
}

/** A script of the ES module that esbuild wrote. */
export function scriptOfModule(text) {
  const getters = [];
  let count = 0;
  const body = text
    .replace(IMPORT, (whole, clause, from) => importCall(whole, clause, from, count++))
    .replace(EXPORT, (whole, list) => {
      for (const pair of names(list, ":")) {
        const [local, exported = local] = pair.split(":");
        getters.push(`get ${exported}() { return ${local}; }`);
      }
      return breaks(whole);
    });
  return `${HEAD}${body}\nreturn { ${getters.join(", ")} }; })(require);\n`;
}
