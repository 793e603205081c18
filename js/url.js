/*
 * URL and URLSearchParams
 *
 * A URL is its serialised href. C parses and sets; every getter is cut out of the href here, which is
 * unambiguous for a serialised URL. The commonest inputs, plain http(s) URLs that are already in their
 * serialised form, are recognised by one regular expression and never reach C.
 */

import { natives } from "./natives.js";
import { exposeClass, inspectors, requireArguments, toUSVString, isObject } from "./webidl.js";
import { allValues, firstValue, makePairIterator, replacePair } from "./pair_list.js";
import { encodeUtf8 } from "./encoding.js";
import { compat } from "./compat.js";

/*
 * Already serialised: lower-case host that ends in a letter-only label and holds no "xn--" (checked
 * below), no port, no dot segment, and only characters that the standard leaves alone.
 */
const PLAIN =
  /^https?:\/\/(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z]+(?::(\d{2,5}))?\/[A-Za-z0-9\-_~!$&'()*+,;=:@/%.]*(?:\?[A-Za-z0-9\-_~!$&()*+,;=:@/%.?{}|^`[\]]*)?$/;
const DOT_SEGMENT = /\/(?:\.|%2e)/i;

function isPlain(text) {
  const match = PLAIN.exec(text);
  if (match === null || text.includes("xn--")) return false;
  const port = match[1];
  if (port !== undefined && (port === "80" || port === "443" || port.charCodeAt(0) === 0x30 || port > 65535)) return false;
  return !DOT_SEGMENT.test(text);
}

/** href of `input` against an optional base href, or null. */
export function parseUrl(input, base) {
  if (isPlain(input)) return input;
  return natives.url_parse(input, base);
}

const SPECIAL = new Set(["http:", "https:", "ws:", "wss:", "ftp:"]);

/* Where the parts of a serialised URL lie. */
class Parts {
  constructor(href) {
    const hash = href.indexOf("#");
    const beforeHash = hash < 0 ? href.length : hash;
    let search = href.indexOf("?");
    if (search > beforeHash) search = -1;
    const end = search < 0 ? beforeHash : search;
    this.scheme = href.indexOf(":") + 1;
    this.hash = hash;
    this.search = search;
    this.searchEnd = beforeHash;
    this.pathEnd = end;
    this.hasAuthority = href.startsWith("//", this.scheme);
    if (!this.hasAuthority) {
      this.path = href.startsWith("/.//", this.scheme) ? this.scheme + 2 : this.scheme;
      this.host = this.hostEnd = this.port = this.path;
      return;
    }
    const authority = this.scheme + 2;
    let path = href.indexOf("/", authority);
    if (path < 0 || path > end) path = end;
    this.path = path;
    const at = href.indexOf("@", authority);
    this.at = at >= 0 && at < path ? at : -1;
    this.host = this.at < 0 ? authority : at + 1;
    let colon = href.lastIndexOf(":", path - 1);
    const bracket = href.lastIndexOf("]", path - 1);
    if (colon < this.host || colon < bracket) colon = -1;
    this.hostEnd = colon < 0 ? path : colon;
    this.port = colon < 0 ? path : colon + 1;
  }
}

function originOf(href, depth = 0) {
  const parts = new Parts(href);
  const scheme = href.slice(0, parts.scheme);
  if (SPECIAL.has(scheme)) return `${scheme}//${href.slice(parts.host, parts.path)}`;
  if (scheme === "blob:" && depth === 0) {
    const inner = parseUrl(href.slice(parts.path, parts.pathEnd));
    if (inner !== null && /^https?:/.test(inner)) return originOf(inner, 1);
  }
  return "null";
}

let searchChanged;
export let hrefOf;

export class URL {
  #href;
  #parts = null;
  #params = null;

  constructor(input, base) {
    if (arguments.length < 1) requireArguments(0, 1, "constructor", "URL");
    input = toUSVString(input);
    let href;
    if (base === undefined) {
      href = parseUrl(input);
    } else {
      const baseHref = parseUrl(toUSVString(base));
      href = baseHref === null ? null : parseUrl(input, baseHref);
    }
    if (href === null) throw invalidUrl(input);
    this.#href = href;
  }

  static {
    hrefOf = (value) => (typeof value === "object" && value !== null && #href in value ? value.#href : null);
    searchChanged = (url, search) => {
      url.#href = natives.url_set(url.#href, "search", search);
      url.#parts = null;
    };
  }

  static canParse(input, base) {
    if (arguments.length < 1) requireArguments(0, 1, "canParse", "URL");
    return URL.#tryParse(input, base) !== null;
  }

  static parse(input, base) {
    if (arguments.length < 1) requireArguments(0, 1, "parse", "URL");
    const href = URL.#tryParse(input, base);
    return href === null ? null : new URL(href);
  }

  static #tryParse(input, base) {
    if (base === undefined) return parseUrl(toUSVString(input));
    const baseHref = parseUrl(toUSVString(base));
    return baseHref === null ? null : parseUrl(toUSVString(input), baseHref);
  }

  static createObjectURL() {
    throw new TypeError("URL.createObjectURL() is not implemented.");
  }
  static revokeObjectURL() {
    throw new TypeError("URL.revokeObjectURL() is not implemented.");
  }

  get #at() {
    return (this.#parts ??= new Parts(this.#href));
  }

  #set(part, value) {
    this.#href = natives.url_set(this.#href, part, toUSVString(value));
    this.#parts = null;
  }

  get origin() {
    return originOf(this.#href);
  }

  get href() {
    return this.#href;
  }
  set href(value) {
    const href = parseUrl(toUSVString(value));
    if (href === null) throw invalidUrl(value);
    this.#href = href;
    this.#parts = null;
    if (this.#params !== null) replaceList(this.#params, this.search);
  }

  get protocol() {
    return this.#href.slice(0, this.#at.scheme);
  }
  set protocol(value) {
    this.#set("protocol", value);
  }

  get username() {
    const at = this.#at;
    if (!at.hasAuthority || at.at < 0) return "";
    const user = this.#href.slice(at.scheme + 2, at.at);
    const colon = user.indexOf(":");
    return colon < 0 ? user : user.slice(0, colon);
  }
  set username(value) {
    this.#set("username", value);
  }

  get password() {
    const at = this.#at;
    if (!at.hasAuthority || at.at < 0) return "";
    const user = this.#href.slice(at.scheme + 2, at.at);
    const colon = user.indexOf(":");
    return colon < 0 ? "" : user.slice(colon + 1);
  }
  set password(value) {
    this.#set("password", value);
  }

  get host() {
    const at = this.#at;
    return this.#href.slice(at.host, at.path);
  }
  set host(value) {
    this.#set("host", value);
  }

  get hostname() {
    const at = this.#at;
    return this.#href.slice(at.host, at.hostEnd);
  }
  set hostname(value) {
    this.#set("hostname", value);
  }

  get port() {
    const at = this.#at;
    return this.#href.slice(at.port, at.path);
  }
  set port(value) {
    this.#set("port", value);
  }

  get pathname() {
    const at = this.#at;
    return this.#href.slice(at.path, at.pathEnd);
  }
  set pathname(value) {
    this.#set("pathname", value);
  }

  get search() {
    const at = this.#at;
    return at.search < 0 || at.searchEnd - at.search === 1 ? "" : this.#href.slice(at.search, at.searchEnd);
  }
  set search(value) {
    this.#set("search", value);
    if (this.#params !== null) replaceList(this.#params, this.search);
  }

  get hash() {
    const at = this.#at;
    return at.hash < 0 || at.hash + 1 === this.#href.length ? "" : this.#href.slice(at.hash);
  }
  set hash(value) {
    this.#set("hash", value);
  }

  get searchParams() {
    return (this.#params ??= paramsOf(this, this.search));
  }

  toString() {
    return this.#href;
  }
  toJSON() {
    return this.#href;
  }
}

function invalidUrl(input) {
  const error = new TypeError("Invalid URL string.");
  Object.defineProperty(error, "code", { value: "ERR_INVALID_URL", writable: true, configurable: true });
  Object.defineProperty(error, "input", { value: `${input}`, writable: true, configurable: true });
  return error;
}

exposeClass(URL);

/* -- application/x-www-form-urlencoded ---------------------------------------------------------- */

const HEX = "0123456789ABCDEF";

/* Bytes that the serialiser leaves as they are: letters, digits, * - . _ */
const UNESCAPED = /^[A-Za-z0-9*\-._]*$/;

function encodeComponent(text) {
  if (UNESCAPED.test(text)) return text;
  let out = "";
  for (const byte of encodeUtf8(text)) {
    if (
      (byte >= 0x61 && byte <= 0x7a) ||
      (byte >= 0x41 && byte <= 0x5a) ||
      (byte >= 0x30 && byte <= 0x39) ||
      byte === 0x2a ||
      byte === 0x2d ||
      byte === 0x2e ||
      byte === 0x5f
    )
      out += String.fromCharCode(byte);
    else if (byte === 0x20) out += "+";
    else out += `%${HEX[byte >> 4]}${HEX[byte & 15]}`;
  }
  return out;
}

function hexDigit(code) {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function decodeComponent(text) {
  if (text.includes("+")) text = text.replaceAll("+", " ");
  if (!text.includes("%")) return text;
  const bytes = encodeUtf8(text);
  let end = 0;
  for (let i = 0; i < bytes.length; i++) {
    let byte = bytes[i];
    if (byte === 0x25 && i + 2 < bytes.length) {
      const high = hexDigit(bytes[i + 1]);
      const low = hexDigit(bytes[i + 2]);
      if (high >= 0 && low >= 0) {
        byte = high * 16 + low;
        i += 2;
      }
    }
    bytes[end++] = byte;
  }
  return natives.utf8_decode(bytes.subarray(0, end), false, true);
}

/** name, value, name, value … of a form-encoded string. */
export function parseForm(text) {
  const list = [];
  if (text === "") return list;
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    list.push(
      decodeComponent(equals < 0 ? pair : pair.slice(0, equals)),
      equals < 0 ? "" : decodeComponent(pair.slice(equals + 1)),
    );
  }
  return list;
}

function serializeForm(list) {
  let text = "";
  for (let i = 0; i < list.length; i += 2) {
    if (i > 0) text += "&";
    text += `${encodeComponent(list[i])}=${encodeComponent(list[i + 1])}`;
  }
  return text;
}

let paramsOf, replaceList, listOf;
export let isURLSearchParams;

export class URLSearchParams {
  #list; /* name, value, name, value … */
  #url = null; /* whose query this is */

  constructor(init = "") {
    if (isObject(init)) this.#list = URLSearchParams.#fromObject(init);
    else {
      const text = toUSVString(init);
      this.#list = parseForm(text.startsWith("?") ? text.slice(1) : text);
    }
  }

  static #fromObject(init) {
    const list = [];
    if (init[Symbol.iterator] !== undefined && init[Symbol.iterator] !== null) {
      for (const pair of init) {
        if (!isObject(pair)) throw new TypeError(PAIR_TEXT);
        const fields = [...pair];
        if (fields.length !== 2) throw new TypeError(PAIR_TEXT);
        list.push(toUSVString(fields[0]), toUSVString(fields[1]));
      }
      return list;
    }
    for (const name of Reflect.ownKeys(init)) {
      if (!Object.prototype.propertyIsEnumerable.call(init, name)) continue;
      list.push(toUSVString(name), toUSVString(init[name]));
    }
    return list;
  }

  static {
    isURLSearchParams = (value) => typeof value === "object" && value !== null && #list in value;
    paramsOf = (url, search) => {
      const params = new URLSearchParams(search);
      params.#url = url;
      return params;
    };
    replaceList = (params, search) => {
      params.#list = parseForm(search.startsWith("?") ? search.slice(1) : search);
    };
    listOf = (params) => params.#list;
  }

  #changed() {
    if (this.#url !== null) searchChanged(this.#url, serializeForm(this.#list));
  }

  get size() {
    return this.#list.length / 2;
  }

  append(name, value) {
    if (arguments.length < 2) requireArguments(arguments.length, 2, "append", "URLSearchParams");
    this.#list.push(toUSVString(name), toUSVString(value));
    this.#changed();
  }

  delete(name, value) {
    if (arguments.length < 1) requireArguments(0, 1, "delete", "URLSearchParams");
    name = toUSVString(name);
    if (!compat.flags.urlSearchParamsDeleteHasValue) value = undefined;
    if (value !== undefined) value = toUSVString(value);
    const kept = [];
    for (let i = 0; i < this.#list.length; i += 2)
      if (this.#list[i] !== name || (value !== undefined && this.#list[i + 1] !== value))
        kept.push(this.#list[i], this.#list[i + 1]);
    this.#list = kept;
    this.#changed();
  }

  get(name) {
    if (arguments.length < 1) requireArguments(0, 1, "get", "URLSearchParams");
    name = toUSVString(name);
    return firstValue(this.#list, name);
  }

  getAll(name) {
    if (arguments.length < 1) requireArguments(0, 1, "getAll", "URLSearchParams");
    name = toUSVString(name);
    return allValues(this.#list, name);
  }

  has(name, value) {
    if (arguments.length < 1) requireArguments(0, 1, "has", "URLSearchParams");
    name = toUSVString(name);
    if (!compat.flags.urlSearchParamsDeleteHasValue) value = undefined;
    if (value !== undefined) value = toUSVString(value);
    for (let i = 0; i < this.#list.length; i += 2)
      if (this.#list[i] === name && (value === undefined || this.#list[i + 1] === value)) return true;
    return false;
  }

  set(name, value) {
    if (arguments.length < 2) requireArguments(arguments.length, 2, "set", "URLSearchParams");
    name = toUSVString(name);
    value = toUSVString(value);
    this.#list = replacePair(this.#list, name, value);
    this.#changed();
  }

  sort() {
    const pairs = [];
    for (let i = 0; i < this.#list.length; i += 2) pairs.push([this.#list[i], this.#list[i + 1]]);
    pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#list = pairs.flat();
    this.#changed();
  }

  forEach(callback, self) {
    if (typeof callback !== "function")
      throw new TypeError("Failed to execute 'forEach' on 'URLSearchParams': parameter 1 is not of type 'Function'.");
    for (let i = 0; i < this.#list.length; i += 2) callback.call(self, this.#list[i + 1], this.#list[i], this);
  }

  entries() {
    return iterate(this, null);
  }
  keys() {
    return iterate(this, 0);
  }
  values() {
    return iterate(this, 1);
  }
  toString() {
    return serializeForm(this.#list);
  }
}

const PAIR_TEXT = "Invalid URL search params sequence.";

const iterate = makePairIterator("URLSearchParams", listOf);

Object.defineProperty(URLSearchParams.prototype, Symbol.iterator, {
  value: URLSearchParams.prototype.entries,
  writable: true,
  configurable: true,
});

exposeClass(URLSearchParams);

inspectors.set(URL, (url) => ({
  origin: url.origin,
  href: url.href,
  protocol: url.protocol,
  username: url.username,
  password: url.password,
  host: url.host,
  hostname: url.hostname,
  port: url.port,
  pathname: url.pathname,
  search: url.search,
  hash: url.hash,
  searchParams: url.searchParams,
}));
inspectors.set(URLSearchParams, (params) => new Map(params));
