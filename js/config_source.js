/*
 * Configuration source
 *
 * The text of a wrangler file as a value, and where in the text each part of it stands, so that a
 * complaint can name line and column. JSON with comments keeps its syntax tree; for TOML, whose
 * parser forgets positions, the lines are looked through for the key, which the format makes
 * easy: a key stands at the start of its line, below the header of its table.
 */

/* Not the whole package: its formatter alone takes longer to load than a file takes to read. */
import { findNodeAtLocation, parseTree, getNodeValue } from "jsonc-parser/lib/esm/impl/parser.js";
import { parse as parseToml, TomlError } from "smol-toml";

/** Line and column, both from 1, of an offset into the text. */
function positionOf(text, offset) {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf("\n") + 1;
  let line = 1;
  for (let i = before.indexOf("\n"); i !== -1; i = before.indexOf("\n", i + 1)) line++;
  return { line, column: offset - start + 1 };
}

/* By the parser's error codes, from 1. */
const JSON_ERRORS = [
  "Invalid JSON",
  "Unexpected word",
  "Invalid number",
  "Expected a property name in double quotes",
  "Expected a value",
  "Expected a colon",
  "Expected a comma",
  "Expected a closing brace",
  "Expected a closing bracket",
  "Unexpected text behind the end",
  "Invalid comment",
  "The comment has no end",
  "The string has no end",
  "Invalid number",
  "Invalid unicode escape",
  "Invalid escape in a string",
  "Invalid character",
];

function readJson(text) {
  const failures = [];
  const tree = parseTree(text, failures, { allowTrailingComma: true });
  const errors = failures.slice(0, 1).map(({ error, offset }) => ({
    ...positionOf(text, offset),
    message: `${JSON_ERRORS[error] ?? JSON_ERRORS[0]}.`,
  }));
  if (errors.length === 0 && tree === undefined) {
    errors.push({ line: 1, column: 1, message: "The file is empty." });
  }
  if (errors.length > 0) return { value: undefined, errors, locate: () => ({ line: 1, column: 1 }) };
  const locate = (path, ofKey) => {
    for (let depth = path.length; depth > 0; depth--) {
      const node = findNodeAtLocation(tree, path.slice(0, depth));
      if (node === undefined) continue;
      const atKey = (ofKey || depth < path.length) && node.parent?.type === "property";
      return positionOf(text, atKey ? node.parent.offset : node.offset);
    }
    return positionOf(text, tree.offset);
  };
  return { value: getNodeValue(tree), errors, locate };
}

/** The parts of a TOML key: `a . "b c"` is ["a", "b c"]. */
function tomlKeyParts(key) {
  const parts = key.match(/"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+/g) ?? [];
  return parts.map((part) => (/^["']/.test(part) ? part.slice(1, -1) : part));
}

/** Every key of the text with its path and position. Array tables count their elements. */
function tomlKeys(text) {
  const found = new Map();
  const counts = new Map();
  let table = [];
  let quote = null; // inside a multi-line string that ends with this
  const resolve = (parts) => {
    const path = [];
    for (const part of parts) {
      path.push(part);
      const count = counts.get(path.join("\0"));
      if (count !== undefined) path.push(count - 1);
    }
    return path;
  };
  const note = (path, line, column) => {
    for (let depth = path.length; depth > 0; depth--) {
      const key = path.slice(0, depth).join("\0");
      if (!found.has(key)) found.set(key, { line, column });
    }
  };
  text.split("\n").forEach((content, index) => {
    if (quote !== null) {
      if (content.includes(quote)) quote = null;
      return;
    }
    const header = /^\s*(\[\[?)\s*([^\]#]+?)\s*\]\]?/.exec(content);
    if (header !== null) {
      const parts = tomlKeyParts(header[2]);
      table = resolve(parts.slice(0, -1)).concat(parts.slice(-1));
      if (header[1] === "[[") {
        const key = table.join("\0");
        const count = counts.get(key) ?? 0;
        counts.set(key, count + 1);
        table.push(count);
      } else {
        table = resolve(parts);
      }
      note(table, index + 1, content.indexOf("[") + 1);
      return;
    }
    const pair = /^(\s*)((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_.\s-])+?)\s*=(.*)$/.exec(content);
    if (pair === null) return;
    note(table.concat(tomlKeyParts(pair[2])), index + 1, pair[1].length + 1);
    const opening = /^\s*("""|''')/.exec(pair[3]);
    if (opening !== null && !pair[3].slice(pair[3].indexOf(opening[1]) + 3).includes(opening[1])) {
      quote = opening[1];
    }
  });
  return found;
}

function readToml(text) {
  let value;
  try {
    value = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = error.message.split("\n")[0].replace(/^Invalid TOML document: /, "");
    const words = message.charAt(0).toUpperCase() + message.slice(1) + ".";
    const failure = { line: error.line, column: error.column, message: words };
    return { value: undefined, errors: [failure], locate: () => ({ line: 1, column: 1 }) };
  }
  let keys;
  const locate = (path) => {
    keys ??= tomlKeys(text);
    for (let depth = path.length; depth > 0; depth--) {
      const position = keys.get(path.slice(0, depth).join("\0"));
      if (position !== undefined) return position;
    }
    return { line: 1, column: 1 };
  };
  return { value, errors: [], locate };
}

/**
 * { value, errors: [{line, column, message}], locate(path, ofKey) → {line, column} }; `path` is a
 * list of keys and indexes, what is not found is looked for one level up.
 */
export function readSource(file, text) {
  const source = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  return file.endsWith(".toml") ? readToml(source) : readJson(source);
}
