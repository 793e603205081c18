/*
 * Configuration check
 *
 * Collects what is wrong with a wrangler file. Paths are lists of keys and indexes from the root of
 * the file; messages name the same path the way wrangler does: "durable_objects.bindings[0].name".
 */

const TYPES = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};

export function isTable(value) {
  return TYPES.object(value);
}

export function pathText(path) {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += (text === "" ? "" : ".") + part;
  }
  return text;
}

export class Check {
  constructor(file, locate) {
    this.file = file;
    this.locate = locate;
    this.errors = [];
    this.warnings = [];
  }

  error(path, message, file) {
    this.errors.push(this.#at(path, message, false, file));
  }

  warn(path, message, ofKey = false) {
    this.warnings.push(this.#at(path, message, ofKey));
  }

  #at(path, message, ofKey, file) {
    if (file !== undefined) return { file, line: 0, column: 0, message };
    return { file: this.file, ...this.locate(path, ofKey), message };
  }

  /** True if `value` has the type; undefined is fine and false. */
  is(path, value, type) {
    if (value === undefined) return false;
    const [outer, inner] = type.split(" of ");
    if (!TYPES[outer](value)) {
      this.error(path, `Expected "${pathText(path)}" to be of type ${outer} but got ${JSON.stringify(value)}.`);
      return false;
    }
    if (inner === undefined) return true;
    const entries = outer === "array" ? value.map((item, i) => [i, item]) : Object.entries(value);
    return entries.map(([key, item]) => this.is([...path, key], item, inner)).every(Boolean);
  }

  /** The value if it has the type, else undefined; a missing one is an error. */
  required(path, value, type) {
    if (value === undefined) {
      this.error(path, `"${pathText(path)}" is missing: a ${type} is required.`);
      return undefined;
    }
    return this.is(path, value, type) ? value : undefined;
  }

  /** Warns about every key of `table` that is not in `known`. */
  unknown(path, table, known) {
    for (const key of Object.keys(table)) {
      if (known.includes(key)) continue;
      const where = path.length === 0 ? "top-level" : `"${pathText(path)}"`;
      this.warn([...path, key], `Unexpected field "${key}" in the ${where} configuration.`, true);
    }
  }
}
