/*
 * Console
 *
 * Every method ends in one line (or block) of text for C, with a level. Groups indent.
 */

import { natives } from "./natives.js";
import { expose } from "./webidl.js";
import { formatLog, inspect } from "./inspect.js";

const INDENT = "  ";

function makeConsole() {
  const counts = new Map();
  const timers = new Map();
  let group = "";

  const write = (level, text) => {
    if (group !== "") text = group + text.replaceAll("\n", `\n${group}`);
    natives.console_write(level, text);
  };
  const print = (level) => (...values) => write(level, formatLog(values));

  const elapsed = (label) => {
    const start = timers.get(label);
    if (start === undefined) {
      write("warn", `No such label '${label}' for console.time()`);
      return null;
    }
    const ms = natives.now_ms() - start;
    return ms >= 1000 ? `${(ms / 1000).toFixed(3)}s` : `${ms.toFixed(3)}ms`;
  };

  return {
    debug: print("debug"),
    log: print("log"),
    info: print("info"),
    warn: print("warn"),
    error: print("error"),
    assert(condition, ...values) {
      if (condition) return;
      if (typeof values[0] === "string") values[0] = `Assertion failed: ${values[0]}`;
      else values.unshift(values.length === 0 ? "Assertion failed" : "Assertion failed:");
      write("error", formatLog(values));
    },
    clear() {
      group = "";
    },
    count(label = "default") {
      label = `${label}`;
      const count = (counts.get(label) ?? 0) + 1;
      counts.set(label, count);
      write("log", `${label}: ${count}`);
    },
    countReset(label = "default") {
      if (!counts.delete(`${label}`)) write("warn", `Count for '${label}' does not exist`);
    },
    dir(value, options) {
      write("log", inspect(value, options));
    },
    dirxml: print("log"),
    group(...values) {
      if (values.length > 0) write("log", formatLog(values));
      group += INDENT;
    },
    groupCollapsed(...values) {
      if (values.length > 0) write("log", formatLog(values));
      group += INDENT;
    },
    groupEnd() {
      group = group.slice(0, -INDENT.length);
    },
    table(data, columns) {
      write("log", formatTable(data, columns) ?? formatLog([data]));
    },
    time(label = "default") {
      label = `${label}`;
      if (timers.has(label)) write("warn", `Label '${label}' already exists for console.time()`);
      else timers.set(label, natives.now_ms());
    },
    timeEnd(label = "default") {
      label = `${label}`;
      const text = elapsed(label);
      if (text === null) return;
      timers.delete(label);
      write("log", `${label}: ${text}`);
    },
    timeLog(label = "default", ...values) {
      label = `${label}`;
      const text = elapsed(label);
      if (text !== null) write("log", formatLog([`${label}: ${text}`, ...values]));
    },
    timeStamp() {},
    trace(...values) {
      const holder = { name: "Trace", message: formatLog(values) };
      Error.captureStackTrace(holder);
      write("error", holder.stack);
    },
    profile() {},
    profileEnd() {},
    takeHeapSnapshot() {},
  };
}

/* -- tables ------------------------------------------------------------------------------------- */

function cell(value) {
  return inspect(value, { depth: typeof value === "object" && value !== null ? 0 : 2, breakLength: Infinity });
}

/** Rows of any iterable or object → a drawn table, or null for what is no table. */
function formatTable(data, columns) {
  if (typeof data !== "object" || data === null) return null;
  const isMap = data instanceof Map;
  const isSet = data instanceof Set;
  const rows = isMap || isSet ? [...data].map((row, i) => [`${i}`, row]) : Object.entries(data);
  const indexName = isMap || isSet ? "(iteration index)" : "(index)";
  const names = [];
  let plain = false;
  for (const [, row] of rows) {
    if (typeof row !== "object" || row === null || isMap) plain = true;
    else for (const name of Object.keys(row)) if (!names.includes(name)) names.push(name);
  }
  const shown = columns === undefined ? names : columns.map(String);
  const header = [indexName, ...(isMap ? ["Key", "Values"] : [...shown, ...(plain ? ["Values"] : [])])];
  const lines = rows.map(([index, row]) => {
    if (isMap) return [index, cell(row[0]), cell(row[1])];
    const isRow = typeof row === "object" && row !== null;
    const cells = shown.map((name) => (isRow && Object.hasOwn(row, name) ? cell(row[name]) : ""));
    if (plain) cells.push(isRow ? "" : cell(row));
    return [index, ...cells];
  });
  return drawTable(header, lines);
}

function drawTable(header, lines) {
  const widths = header.map((name, i) => Math.max(name.length, ...lines.map((line) => line[i].length)) + 2);
  const rule = (left, middle, right) => left + widths.map((width) => "─".repeat(width)).join(middle) + right;
  const row = (cells) => `│${cells.map((text, i) => ` ${text}`.padEnd(widths[i])).join("│")}│`;
  return [rule("┌", "┬", "┐"), row(header), rule("├", "┼", "┤"), ...lines.map(row), rule("└", "┴", "┘")].join("\n");
}

export const console = makeConsole();
Object.defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });

/* A library may ask for the class by name. */
expose("console", console);
