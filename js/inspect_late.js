/*
 * Inspect: what does it
 *
 * Values as text, the way Node's util.inspect prints them with its defaults (depth 2, 80 columns, up to
 * three levels on one line): it is what programs and their authors expect of a log. Platform objects
 * are shown through the functions that their files put into `inspectors`.
 */

import { natives } from "./natives.js";
import { inspectors, isAnyArrayBuffer, platformClass, gettersOf } from "./webidl.js";
import { formatStack, isNativeError } from "./stack.js";

const DEFAULTS = {
  depth: 2,
  breakLength: 80,
  compact: 3,
  showHidden: false,
  maxArrayLength: 100,
  maxStringLength: 10000,
  sorted: false,
  colors: false,
};

const IDENTIFIER = /^[a-zA-Z_][a-zA-Z_0-9]*$/;
const LINE_WIDTH_MIN = 16;
const GROUP_FROM = 6;
const CHARACTER_HEIGHT = 2.5; /* about so many columns are as high as a line */
const CUSTOM = Symbol.for("nodejs.util.inspect.custom");

const getSize = {
  map: Object.getOwnPropertyDescriptor(Map.prototype, "size").get,
  set: Object.getOwnPropertyDescriptor(Set.prototype, "size").get,
};

/** Is `value` really a Map (Set, Date …), whatever its prototype says? */
function has(probe, value) {
  try {
    probe(value);
    return true;
  } catch {
    return false;
  }
}

const isMap = (value) => has((v) => getSize.map.call(v), value);
const isSet = (value) => has((v) => getSize.set.call(v), value);
const isDate = (value) => has((v) => Date.prototype.getTime.call(v), value);
const regExpFlags = Object.getOwnPropertyDescriptor(RegExp.prototype, "source").get;
const isRegExp = (value) => value !== RegExp.prototype && has((v) => regExpFlags.call(v), value);

const ESCAPES = { "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\" };

function quote(text) {
  let mark = "'";
  if (text.includes("'")) {
    if (!text.includes('"')) mark = '"';
    else if (!text.includes("`") && !text.includes("${")) mark = "`";
  }
  // eslint-disable-next-line no-control-regex
  const body = text.replace(/[\x00-\x1f\x7f-\x9f\\'"`\ud800-\udfff]/gu, (c) => {
    if (c === mark) return `\\${c}`;
    if (c === "'" || c === '"' || c === "`") return c;
    const known = ESCAPES[c];
    if (known !== undefined) return known;
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).toUpperCase().padStart(2, "0")}` : `\\u${code.toString(16).toUpperCase()}`;
  });
  return mark + body + mark;
}

function formatNumber(n) {
  return Object.is(n, -0) ? "-0" : `${n}`;
}

function formatString(ctx, text, indent, inObject) {
  let trailer = "";
  if (text.length > ctx.maxStringLength) {
    const left = text.length - ctx.maxStringLength;
    text = text.slice(0, ctx.maxStringLength);
    trailer = `... ${left} more character${left > 1 ? "s" : ""}`;
  }
  if (inObject && text.length > LINE_WIDTH_MIN && text.length > ctx.breakLength - indent - 4)
    return text.split(/(?<=\n)/).map(quote).join(` +\n${" ".repeat(indent + 2)}`) + trailer;
  return quote(text) + trailer;
}

function formatPrimitive(ctx, value, inObject) {
  switch (typeof value) {
    case "string":
      return formatString(ctx, value, ctx.indentation, inObject);
    case "number":
      return formatNumber(value);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return value.toString();
    default:
      return `${value}`;
  }
}

/** Name of the class an object says it is of; null for one without prototype. */
function constructorName(value) {
  for (let object = value, steps = 0; object !== null && steps < 100; object = Object.getPrototypeOf(object), steps++) {
    const descriptor = Object.getOwnPropertyDescriptor(object, "constructor");
    if (typeof descriptor?.value === "function" && descriptor.value.name !== "") return descriptor.value.name;
  }
  return null;
}

function prefix(name, tag, fallback, size = "") {
  if (name === null) {
    if (tag !== "" && fallback !== tag) return `[${fallback}${size}: null prototype] [${tag}] `;
    return `[${fallback}${size}: null prototype] `;
  }
  if (tag !== "" && name !== tag) return `${name}${size} [${tag}] `;
  return `${name}${size} `;
}

function ownKeys(value, showHidden) {
  if (showHidden) return Reflect.ownKeys(value);
  const keys = Object.keys(value);
  for (const symbol of Object.getOwnPropertySymbols(value))
    if (Object.prototype.propertyIsEnumerable.call(value, symbol)) keys.push(symbol);
  return keys;
}

function formatKey(key) {
  if (typeof key === "symbol") return `[${key.toString()}]`;
  return IDENTIFIER.test(key) ? key : quote(key);
}

function formatProperty(ctx, value, key, level, kind) {
  const descriptor = Object.getOwnPropertyDescriptor(value, key) ?? { value: value[key], enumerable: true };
  let text;
  if (descriptor.value !== undefined || !(descriptor.get || descriptor.set)) {
    const extra = kind === "array" ? 2 : 2;
    ctx.indentation += extra;
    text = formatValue(ctx, descriptor.value, level, true);
    ctx.indentation -= extra;
  } else if (descriptor.get !== undefined) {
    text = descriptor.set !== undefined ? "[Getter/Setter]" : "[Getter]";
  } else {
    text = "[Setter]";
  }
  if (kind === "array") return text;
  const name = formatKey(key);
  return `${descriptor.enumerable === false ? `[${name}]` : name}: ${text}`;
}

function formatArray(ctx, value, level) {
  const output = [];
  const shown = Math.min(Math.max(0, ctx.maxArrayLength), value.length);
  let holes = 0;
  const flush = () => {
    if (holes > 0) output.push(`<${holes} empty item${holes > 1 ? "s" : ""}>`);
    holes = 0;
  };
  let index = 0;
  for (; index < value.length && output.length < shown; index++) {
    if (!Object.hasOwn(value, index)) {
      holes++;
      continue;
    }
    flush();
    output.push(formatProperty(ctx, value, `${index}`, level, "array"));
  }
  flush();
  if (index < value.length) output.push(moreItems(value.length - index));
  return output;
}

function moreItems(count) {
  return `... ${count} more item${count > 1 ? "s" : ""}`;
}

function formatTyped(ctx, value) {
  const shown = Math.min(ctx.maxArrayLength, value.length);
  const output = [];
  for (let i = 0; i < shown; i++)
    output.push(typeof value[i] === "bigint" ? `${value[i]}n` : formatNumber(value[i]));
  if (value.length > shown) output.push(moreItems(value.length - shown));
  return output;
}

function formatSetItems(ctx, items, level) {
  const output = [];
  ctx.indentation += 2;
  for (const item of items) {
    if (output.length >= ctx.maxArrayLength) break;
    output.push(formatValue(ctx, item, level, true));
  }
  ctx.indentation -= 2;
  return output;
}

function formatMapItems(ctx, entries, level) {
  const output = [];
  ctx.indentation += 2;
  for (const [key, item] of entries) {
    if (output.length >= ctx.maxArrayLength) break;
    output.push(`${formatValue(ctx, key, level, true)} => ${formatValue(ctx, item, level, true)}`);
  }
  ctx.indentation -= 2;
  return output;
}

const FUNCTION_KINDS = new Set(["AsyncFunction", "GeneratorFunction", "AsyncGeneratorFunction"]);

function functionBase(value, name) {
  const source = Function.prototype.toString.call(value);
  if (source.startsWith("class") && source.endsWith("}")) {
    const own = Object.hasOwn(value, "name") && value.name !== "" ? value.name : "(anonymous)";
    let base = `[class ${own}`;
    if (name !== "Function" && name !== null) base += ` [${name}]`;
    if (name === null) base += " extends null";
    else {
      const parent = Object.getPrototypeOf(value)?.name;
      if (parent) base += ` extends ${parent}`;
    }
    return `${base}]`;
  }
  const tag = value[Symbol.toStringTag];
  const kind = FUNCTION_KINDS.has(tag) ? tag : "Function";
  let base = `[${kind}`;
  if (name === null) base += " (null prototype)";
  base += value.name === "" || typeof value.name !== "string" ? " (anonymous)" : `: ${value.name}`;
  return `${base}]`;
}

function formatErrorValue(ctx, error, keys) {
  let text = formatStack(error);
  const name = typeof error.name === "string" ? error.name : "Error";
  for (const key of ["name", "message", "stack"]) {
    const at = keys.indexOf(key);
    if (at >= 0 && (key === "stack" || text.includes(String(error[key])))) keys.splice(at, 1);
  }
  if ("cause" in error && Object.hasOwn(error, "cause") && !keys.includes("cause")) keys.push("cause");
  if (Array.isArray(error.errors) && Object.hasOwn(error, "errors") && !keys.includes("errors")) keys.push("errors");
  const className = constructorName(error);
  if (className !== null && className !== name && name === "Error" && text.startsWith("Error") && className !== "Error")
    text = className + text.slice(5);
  if (!text.includes("\n    at ")) text = `[${text}]`;
  if (ctx.indentation !== 0) text = text.replaceAll("\n", `\n${" ".repeat(ctx.indentation)}`);
  return text;
}

function platformView(value) {
  for (let proto = Object.getPrototypeOf(value); proto !== null; proto = Object.getPrototypeOf(proto)) {
    const constructor = Object.getOwnPropertyDescriptor(proto, "constructor")?.value;
    const view = constructor === undefined ? undefined : inspectors.get(constructor);
    if (view === undefined) continue;
    try {
      return proto === value ? null : view(value);
    } catch {
      return null;
    }
  }
  if (platformClass(value) === undefined) return null;
  try {
    return gettersOf(value);
  } catch {
    return null; /* a prototype object, or half constructed */
  }
}

function formatValue(ctx, value, level, inObject) {
  if (value === null || (typeof value !== "object" && typeof value !== "function"))
    return formatPrimitive(ctx, value, inObject);
  const custom = value[CUSTOM];
  if (typeof custom === "function" && custom !== inspect) {
    const left = ctx.depth === null ? Infinity : ctx.depth - level;
    const result = custom.call(value, left, { ...ctx.options, depth: left }, inspect);
    if (result !== value)
      return typeof result === "object" && result !== null
        ? formatValue(ctx, result, level, inObject)
        : `${result}`.replaceAll("\n", `\n${" ".repeat(ctx.indentation)}`);
  }
  if (ctx.seen.includes(value)) {
    ctx.circular ??= new Map();
    let index = ctx.circular.get(value);
    if (index === undefined) {
      index = ctx.circular.size + 1;
      ctx.circular.set(value, index);
    }
    return `[Circular *${index}]`;
  }
  return formatObject(ctx, value, level);
}

/* How an object is written: { base, braces, output of its content, kind }. */
function describe(ctx, value, name, tag, keys) {
  const view = typeof value === "function" || isNativeError(value) ? null : platformView(value);
  if (view instanceof Map)
    return { braces: [`${prefix(name, tag, "Object", `(${view.size})`)}{`, "}"], items: (level) => formatMapItems(ctx, view, level) };
  if (view !== null)
    return {
      braces: [`${prefix(name, tag, "Object")}{`, "}"],
      items: (level) => Object.keys(view).map((key) => formatProperty(ctx, view, key, level, "object")),
    };
  if (Array.isArray(value)) {
    const shown = name !== "Array" || tag !== "" ? prefix(name, tag, "Array", `(${value.length})`) : "";
    return { braces: [`${shown}[`, "]"], items: (level) => formatArray(ctx, value, level), list: true, empty: value.length === 0 };
  }
  if (isSet(value)) {
    const size = getSize.set.call(value);
    return {
      braces: [`${prefix(name, tag, "Set", `(${size})`)}{`, "}"],
      items: (level) => formatSetItems(ctx, Set.prototype.values.call(value), level),
      empty: size === 0,
    };
  }
  if (isMap(value)) {
    const size = getSize.map.call(value);
    return {
      braces: [`${prefix(name, tag, "Map", `(${size})`)}{`, "}"],
      items: (level) => formatMapItems(ctx, Map.prototype.entries.call(value), level),
      empty: size === 0,
    };
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return {
      braces: [`${prefix(name, tag, "TypedArray", `(${value.length})`)}[`, "]"],
      items: () => formatTyped(ctx, value),
      list: true,
      empty: value.length === 0,
    };
  if (tag.endsWith(" Iterator") && typeof value.next === "function" && Object.getPrototypeOf(value) !== null)
    return { braces: [`[${tag}] {`, "}"], items: () => [] };
  return describePlain(ctx, value, name, tag, keys);
}

/* Stubs and promises of RPC are functions to the engine, and not to anybody else. */
function isRemote(value) {
  if (typeof value !== "function" || value instanceof Function) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype !== null && inspectors.has(prototype.constructor);
}

function describePlain(ctx, value, name, tag, keys) {
  if (isRemote(value)) return { braces: [`${name} {`, "}"], items: () => [] };
  if (typeof value === "function") return { base: functionBase(value, name), braces: ["{", "}"] };
  if (isNativeError(value)) return { base: formatErrorValue(ctx, value, keys), braces: ["{", "}"] };
  if (isRegExp(value)) return { base: RegExp.prototype.toString.call(value), braces: ["{", "}"] };
  if (isDate(value)) {
    const time = Date.prototype.getTime.call(value);
    return { base: Number.isNaN(time) ? "Invalid Date" : new Date(time).toISOString(), braces: ["{", "}"] };
  }
  if (isAnyArrayBuffer(value)) {
    const bytes = new Uint8Array(value);
    const hex = Array.from(bytes.subarray(0, 50), (b) => b.toString(16).padStart(2, "0")).join(" ");
    const more = bytes.length > 50 ? ` ... ${bytes.length - 50} more byte${bytes.length > 51 ? "s" : ""}` : "";
    return {
      braces: [`${prefix(name, tag, "ArrayBuffer")}{`, "}"],
      items: () => [`[Uint8Contents]: <${hex}${more}>`, `byteLength: ${value.byteLength}`],
    };
  }
  if (value instanceof DataView)
    return {
      braces: [`${prefix(name, tag, "DataView")}{`, "}"],
      items: (level) => ["byteLength", "byteOffset", "buffer"].map((key) => `${key}: ${formatValue(ctx, value[key], level, true)}`),
    };
  if (value instanceof Promise) return { braces: [`${prefix(name, tag, "Promise")}{`, "}"], items: (level) => promiseItems(ctx, value, level) };
  if (value instanceof WeakSet || value instanceof WeakMap)
    return { braces: [`${prefix(name, tag, "WeakMap")}{`, "}"], items: () => ["<items unknown>"] };
  for (const Box of [Number, String, Boolean, BigInt, Symbol]) {
    if (!(value instanceof Box)) continue;
    if (!has((v) => Box.prototype.valueOf.call(v), value)) continue;
    if (Box === String) keys.splice(0, value.length);
    return { base: `[${Box.name}: ${formatPrimitive(ctx, Box.prototype.valueOf.call(value), false)}]`, braces: ["{", "}"] };
  }
  if (tag === "Arguments" || Object.prototype.toString.call(value) === "[object Arguments]")
    return { braces: ["[Arguments] [", "]"], items: (level) => formatArray(ctx, Array.from(value), level), list: true, skipIndices: true };
  const shown = name === "Object" && tag === "" ? "" : prefix(name, tag, "Object");
  return { braces: [`${shown}{`, "}"] };
}

function promiseItems(ctx, promise, level) {
  if (natives.promise_state === undefined) return ["<unknown>"];
  const [state, result] = natives.promise_state(promise);
  if (state === "pending") return ["<pending>"];
  ctx.indentation += 2;
  const text = formatValue(ctx, result, level, true);
  ctx.indentation -= 2;
  return [state === "rejected" ? `<rejected> ${text}` : text];
}

function tagOf(value, name) {
  let tag;
  try {
    tag = value[Symbol.toStringTag];
  } catch {
    return "";
  }
  return typeof tag === "string" && tag !== "" && tag !== name ? tag : "";
}

function formatObject(ctx, value, level) {
  const name = constructorName(value);
  const tag = tagOf(value, name);
  let keys = ownKeys(value, ctx.showHidden);
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView)))
    keys = keys.filter((key) => typeof key === "symbol" || !/^(?:0|[1-9]\d*)$/.test(key));
  const shape = describe(ctx, value, name, tag, keys);
  if (shape.skipIndices) keys = keys.filter((key) => !/^\d+$/.test(String(key)));
  if (keys.some(isSlot) && platformView(value) !== null) keys = keys.filter((key) => !isSlot(key));
  const { braces } = shape;
  if (shape.base !== undefined && keys.length === 0) return shape.base;
  if (shape.base === undefined && keys.length === 0 && shape.items === undefined)
    return `${braces[0]}${braces[1]}`;
  if (shape.empty && keys.length === 0) return `${braces[0]}${braces[1]}`;
  if (ctx.depth !== null && level > ctx.depth) {
    const shown = name === null ? `[${tag || "Object"}: null prototype]` : `[${Array.isArray(value) ? "Array" : tag && tag !== name ? `${name} [${tag}]` : name}]`;
    return shown;
  }
  ctx.seen.push(value);
  ctx.currentDepth = level;
  let output;
  try {
    output = shape.items === undefined ? [] : shape.items(level + 1);
    for (const key of keys) output.push(formatProperty(ctx, value, key, level + 1, "object"));
  } finally {
    ctx.seen.pop();
  }
  let base = shape.base ?? "";
  const index = ctx.circular?.get(value);
  if (index !== undefined) {
    if (base !== "") base = `<ref *${index}> ${base}`;
    else braces[0] = `<ref *${index}> ${braces[0]}`;
  }
  return joinOutput(ctx, output, base, braces, shape.list === true, level, value);
}

/* What the polyfill of streams keeps on its objects (tools/embed.mjs); nobody wants to see that. */
function isSlot(key) {
  return typeof key === "symbol" && key.description?.startsWith("_") === true;
}

function joinOutput(ctx, output, base, braces, isList, level, value) {
  const entries = output.length;
  if (isList && entries > GROUP_FROM) output = groupElements(ctx, output, value);
  if (ctx.currentDepth - level < ctx.compact && entries === output.length) {
    const start = output.length + ctx.indentation + braces[0].length + base.length + 10;
    const total = output.reduce((sum, text) => sum + text.length, 0) + start + output.length;
    if (total <= ctx.breakLength && !output.some((text) => text.includes("\n")) && !base.includes("\n")) {
      const joined = output.join(", ");
      return joined === "" ? `${base ? `${base} ` : ""}${braces[0]}${braces[1]}` : `${base ? `${base} ` : ""}${braces[0]} ${joined} ${braces[1]}`;
    }
  }
  const indentation = `\n${" ".repeat(ctx.indentation)}`;
  return `${base ? `${base} ` : ""}${braces[0]}${indentation}  ${output.join(`,${indentation}  `)}${indentation}${braces[1]}`;
}

/** Put the elements of a long array of short things into columns. */
function groupElements(ctx, output, value) {
  let total = 0;
  let widest = 0;
  let i = 0;
  let count = output.length;
  if (ctx.maxArrayLength < value.length) count--;
  const separator = 2;
  const widths = new Array(count);
  for (; i < count; i++) {
    widths[i] = output[i].length;
    total += widths[i] + separator;
    if (widest < widths[i]) widest = widths[i];
  }
  const actual = widest + separator;
  if (actual * 3 + ctx.indentation >= ctx.breakLength || !(total / actual > 5 || widest <= 6)) return output;
  const biased = Math.max(actual - 3 - Math.sqrt(actual - total / output.length), 1);
  const columns = Math.min(
    Math.round(Math.sqrt(CHARACTER_HEIGHT * biased * count) / biased),
    Math.floor((ctx.breakLength - ctx.indentation) / actual),
    ctx.compact * 4,
    15,
  );
  if (columns <= 1) return output;
  const lineWidths = [];
  for (i = 0; i < columns; i++) {
    let width = 0;
    for (let j = i; j < count; j += columns) if (widths[j] > width) width = widths[j];
    lineWidths.push(width + separator);
  }
  const pad =
    value !== undefined && value.length > 0 && (typeof value[0] === "number" || typeof value[0] === "bigint")
      ? String.prototype.padStart
      : String.prototype.padEnd;
  const grouped = [];
  for (i = 0; i < count; i += columns) {
    const max = Math.min(i + columns, count);
    let line = "";
    let j = i;
    for (; j < max - 1; j++) line += pad.call(`${output[j]}, `, lineWidths[j - i], " ");
    if (pad === String.prototype.padStart) line += output[j].padStart(lineWidths[j - i] - separator, " ");
    else line += output[j];
    grouped.push(line);
  }
  if (ctx.maxArrayLength < value.length) grouped.push(output[count]);
  return grouped;
}

/** A value as text. Options as of util.inspect; those that only colour are ignored. */
export function inspect(value, options) {
  const ctx = { ...DEFAULTS, ...options, options: options ?? {}, indentation: 0, currentDepth: 0, seen: [], circular: null };
  if (ctx.depth === Infinity) ctx.depth = null;
  if (ctx.maxArrayLength === null) ctx.maxArrayLength = Infinity;
  if (ctx.maxStringLength === null) ctx.maxStringLength = Infinity;
  return formatValue(ctx, value, 0, false);
}
inspect.custom = CUSTOM;

/* -- printf ------------------------------------------------------------------------------------- */

function formatInteger(value, parse) {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol") return "NaN";
  return formatNumber(parse(value));
}

function formatAsString(value) {
  if (typeof value === "string") return value;
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return String(value);
  if (isNativeError(value) || Object.hasOwn(value, "toString") || hasUserToString(value)) return String(value);
  return inspect(value, { depth: 0, compact: 3 });
}

/* A class of the program that says how to print itself. */
function hasUserToString(value) {
  for (let proto = Object.getPrototypeOf(value); proto !== null && proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
    if (inspectors.has(proto.constructor)) return false;
    if (Object.hasOwn(proto, "toString"))
      return !Function.prototype.toString.call(proto.toString).includes("[native code]");
  }
  return false;
}

function formatJson(value) {
  try {
    return String(JSON.stringify(value));
  } catch (error) {
    if (error instanceof TypeError) return "[Circular]";
    throw error;
  }
}

/** The text of console.log(...values). */
export function formatLog(values) {
  const first = values[0];
  let text = "";
  let next = 0;
  if (typeof first === "string") {
    if (values.length === 1) return first;
    next = 1;
    text = first.replace(/%([sdifjoOc%])/g, (whole, letter) => {
      if (letter === "%") return "%";
      if (next >= values.length) return whole;
      const value = values[next++];
      switch (letter) {
        case "s":
          return formatAsString(value);
        case "d":
          return typeof value === "object" && value !== null ? formatNumber(Number(value)) : formatInteger(value, Number);
        case "i":
          return formatInteger(value, (v) => Number.parseInt(v, 10));
        case "f":
          return typeof value === "symbol" ? "NaN" : formatNumber(Number.parseFloat(value));
        case "j":
          return formatJson(value);
        case "o":
          return inspect(value, { showHidden: true, depth: 4 });
        case "O":
          return inspect(value);
        default:
          return ""; /* %c: styles mean nothing here */
      }
    });
  }
  for (; next < values.length; next++) {
    const value = values[next];
    if (text !== "" || next > 0) text += " ";
    text += typeof value === "string" ? value : inspect(value);
  }
  return text;
}
