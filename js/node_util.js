/*
 * node:util
 */

import { inspect, formatLog } from "./inspect.js";
import { natives } from "./natives.js";
import { isAnyArrayBuffer } from "./webidl.js";
import { isCryptoKey } from "./crypto_key.js";
import { keyObjects } from "./node_key_objects.js";
import { isNativeError } from "./stack.js";
import { TextEncoder, TextDecoder } from "./encoding.js";
import { isAbortSignal } from "./abort.js";

const CUSTOM_PROMISIFY = Symbol.for("nodejs.util.promisify.custom");

function invalidArgument(name, expected, value) {
  return Object.assign(new TypeError(`The "${name}" argument must be ${expected}. Received ${inspect(value)}`), {
    code: "ERR_INVALID_ARG_TYPE",
  });
}

function promisify(original) {
  if (typeof original !== "function") throw invalidArgument("original", "of type function", original);
  const custom = original[CUSTOM_PROMISIFY];
  if (typeof custom === "function") return custom;
  function promised(...args) {
    return new Promise((resolve, reject) => {
      Reflect.apply(original, this, [...args, (error, value) => (error ? reject(error) : resolve(value))]);
    });
  }
  Object.setPrototypeOf(promised, Object.getPrototypeOf(original));
  return Object.defineProperties(promised, Object.getOwnPropertyDescriptors(original));
}
promisify.custom = CUSTOM_PROMISIFY;

function callbackify(original) {
  if (typeof original !== "function") throw invalidArgument("original", "of type function", original);
  return function (...args) {
    const callback = args.pop();
    if (typeof callback !== "function") throw invalidArgument("last argument", "of type function", callback);
    Reflect.apply(original, this, args).then(
      (value) => queueMicrotask(() => callback(null, value)),
      (reason) =>
        queueMicrotask(() =>
          callback(reason || Object.assign(new Error("Promise was rejected with a falsy value"), { reason, code: "ERR_FALSY_VALUE_REJECTION" })),
        ),
    );
  };
}

function inherits(constructor, parent) {
  Object.defineProperty(constructor, "super_", { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

function deprecate(callback) {
  return callback;
}

function debuglog() {
  return Object.assign(() => {}, { enabled: false });
}

/* -- types -------------------------------------------------------------------------------------- */

function brand(probe) {
  return (value) => {
    if (typeof value !== "object" || value === null) return false;
    try {
      probe(value);
      return true;
    } catch {
      return false;
    }
  };
}

const getter = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
const mapSize = getter(Map.prototype, "size");
const setSize = getter(Set.prototype, "size");
const typedArrayName = getter(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);
const tagOf = (value) => Object.prototype.toString.call(value).slice(8, -1);
const isTyped = (name) => (value) => ArrayBuffer.isView(value) && typedArrayName.call(value) === name;
const functionTag = (...names) => (value) => typeof value === "function" && names.includes(value[Symbol.toStringTag]);

export const types = {
  isExternal: () => false,
  isDate: brand((value) => Date.prototype.getTime.call(value)),
  isArgumentsObject: (value) => tagOf(value) === "Arguments",
  isBigIntObject: brand((value) => BigInt.prototype.valueOf.call(value)),
  isBooleanObject: brand((value) => Boolean.prototype.valueOf.call(value)),
  isNumberObject: brand((value) => Number.prototype.valueOf.call(value)),
  isStringObject: brand((value) => String.prototype.valueOf.call(value)),
  isSymbolObject: brand((value) => Symbol.prototype.valueOf.call(value)),
  isBoxedPrimitive: (value) => types.isNumberObject(value) || types.isStringObject(value) || types.isBooleanObject(value) || types.isBigIntObject(value) || types.isSymbolObject(value),
  isNativeError,
  isRegExp: (value) => typeof value === "object" && value !== null && tagOf(value) === "RegExp",
  isAsyncFunction: functionTag("AsyncFunction", "AsyncGeneratorFunction"),
  isGeneratorFunction: functionTag("GeneratorFunction", "AsyncGeneratorFunction"),
  isGeneratorObject: (value) => /^(Async)?Generator$/.test(tagOf(value)),
  isPromise: (value) => value instanceof Promise,
  isMap: brand((value) => mapSize.call(value)),
  isSet: brand((value) => setSize.call(value)),
  isMapIterator: (value) => tagOf(value) === "Map Iterator",
  isSetIterator: (value) => tagOf(value) === "Set Iterator",
  isWeakMap: brand((value) => WeakMap.prototype.has.call(value, {})),
  isWeakSet: brand((value) => WeakSet.prototype.has.call(value, {})),
  isArrayBuffer: (value) => value instanceof ArrayBuffer,
  isDataView: (value) => value instanceof DataView,
  isSharedArrayBuffer: (value) => typeof SharedArrayBuffer !== "undefined" && value instanceof SharedArrayBuffer,
  isProxy: () => false,
  isModuleNamespaceObject: (value) => tagOf(value) === "Module",
  isAnyArrayBuffer,
  isCryptoKey,
  isKeyObject: (value) => keyObjects.has(value),
  isArrayBufferView: ArrayBuffer.isView,
  isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
};
for (const name of ["Uint8Array", "Uint8ClampedArray", "Uint16Array", "Uint32Array", "Int8Array", "Int16Array", "Int32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array"])
  types[`is${name}`] = isTyped(name);

/* -- deep equality ------------------------------------------------------------------------------ */

/** assert.deepStrictEqual's idea of equal, or with strict false deepEqual's. */
export function isDeepEqual(a, b, strict, seen = new Map()) {
  if (Object.is(a, b)) return true;
  const objects = typeof a === "object" && typeof b === "object" && a !== null && b !== null;
  /* eslint-disable-next-line eqeqeq -- what "loose" means */
  if (!objects) return !strict && typeof a !== "object" && typeof b !== "object" && (a == b || (a !== a && b !== b));
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (tagOf(a) !== tagOf(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  if (types.isDate(a) && !Object.is(a.getTime(), b.getTime())) return false;
  if (types.isRegExp(a) && String(a) !== String(b)) return false;
  if (isNativeError(a) && (a.message !== b.message || a.name !== b.name)) return false;
  if (types.isBoxedPrimitive(a) && !Object.is(a.valueOf(), b.valueOf())) return false;
  if (isAnyArrayBuffer(a)) return isDeepEqual(new Uint8Array(a), new Uint8Array(b), strict, seen);
  if (types.isMap(a) && !sameMaps(a, b, strict, seen)) return false;
  if (types.isSet(a) && !sameSets(a, b, strict, seen)) return false;
  const keys = ownKeys(a, strict);
  if (keys.length !== ownKeys(b, strict).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && isDeepEqual(a[key], b[key], strict, seen));
}

function ownKeys(object, strict) {
  const keys = Object.keys(object);
  if (!strict) return keys;
  return keys.concat(Object.getOwnPropertySymbols(object).filter((symbol) => Object.prototype.propertyIsEnumerable.call(object, symbol)));
}

function sameMaps(a, b, strict, seen) {
  if (a.size !== b.size) return false;
  const rest = new Set(b.keys());
  for (const [key, value] of a) {
    if (b.has(key)) {
      if (!isDeepEqual(value, b.get(key), strict, seen)) return false;
      rest.delete(key);
      continue;
    }
    const twin = [...rest].find((other) => isDeepEqual(key, other, strict, new Map(seen)) && isDeepEqual(value, b.get(other), strict, new Map(seen)));
    if (twin === undefined) return false;
    rest.delete(twin);
  }
  return true;
}

function sameSets(a, b, strict, seen) {
  if (a.size !== b.size) return false;
  const rest = [...b].filter((item) => !a.has(item));
  for (const item of a) {
    if (b.has(item)) continue;
    const at = rest.findIndex((other) => isDeepEqual(item, other, strict, new Map(seen)));
    if (at < 0) return false;
    rest.splice(at, 1);
  }
  return true;
}

/* -- the rest ----------------------------------------------------------------------------------- */

function parseEnv(text) {
  const env = {};
  for (const [, name, value] of `${text}`.matchAll(/^\s*(?:export\s+)?([\w.-]+)\s*=\s*('[^']*'|"[^"]*"|`[^`]*`|[^#\r\n]*)/gm))
    env[name] = value.trim().replace(/^(['"`])([\s\S]*)\1$/, "$2");
  return env;
}

function stripVTControlCharacters(text) {
  // eslint-disable-next-line no-control-regex
  return `${text}`.replace(/[\u001b\u009b][[()#;?]*(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]/g, "");
}

class MIMEType {
  constructor(input) {
    const [essence, ...rest] = `${input}`.split(";");
    const match = /^\s*([\w!#$&^.+-]+)\/([\w!#$&^.+-]+)\s*$/.exec(essence);
    if (match === null) throw Object.assign(new TypeError(`The MIME syntax for a type in ${input} is invalid`), { code: "ERR_INVALID_MIME_SYNTAX" });
    this.type = match[1].toLowerCase();
    this.subtype = match[2].toLowerCase();
    this.params = new Map(rest.map((each) => each.split("=")).filter((pair) => pair.length > 1).map(([name, ...value]) => [name.trim().toLowerCase(), value.join("=").trim().replace(/^"(.*)"$/, "$1")]));
  }
  get essence() {
    return `${this.type}/${this.subtype}`;
  }
  toString() {
    return [this.essence, ...[...this.params].map(([name, value]) => `${name}=${value}`)].join(";");
  }
}

const inspectDefaults = { depth: 2, breakLength: 80, compact: 3, colors: false, showHidden: false };
inspect.defaultOptions = inspectDefaults;
inspect.colors = {};
inspect.styles = {};

export default {
  aborted: (signal) =>
    new Promise((resolve) => {
      if (!isAbortSignal(signal) || signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    }),
  callbackify,
  debug: debuglog,
  debuglog,
  deprecate,
  format: (...values) => formatLog(values),
  formatWithOptions: (options, ...values) => formatLog(values),
  getSystemErrorName: (number) => `Unknown system error ${number}`,
  getSystemErrorMap: () => new Map(),
  inherits,
  inspect,
  isArray: Array.isArray,
  isDeepStrictEqual: (a, b) => isDeepEqual(a, b, true),
  log: (...values) => natives.console_write("log", formatLog(values)),
  MIMEType,
  parseEnv,
  promisify,
  stripVTControlCharacters,
  styleText: (format, text) => `${text}`,
  TextDecoder,
  TextEncoder,
  toUSVString: (text) => `${text}`.toWellFormed(),
  transferableAbortSignal: (signal) => signal,
  types,
};
