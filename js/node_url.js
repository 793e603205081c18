/*
 * node:url and node:querystring
 */

import { natives } from "./natives.js";
import { URL, URLSearchParams } from "./url.js";

/* -- querystring -------------------------------------------------------------------------------- */

function escape(value) {
  return encodeURIComponent(`${value}`.toWellFormed());
}

function unescape(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function primitive(value) {
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? `${value}` : "";
  return typeof value === "bigint" || typeof value === "boolean" ? `${value}` : "";
}

export const querystring = {
  escape,
  unescape,
  parse(text, separator = "&", equals = "=", options = {}) {
    const result = Object.create(null);
    if (typeof text !== "string" || text === "") return result;
    const decode = options.decodeURIComponent ?? unescape;
    const limit = options.maxKeys ?? 1000;
    const pairs = text.split(separator);
    for (const pair of limit > 0 ? pairs.slice(0, limit) : pairs) {
      if (pair === "") continue;
      const at = pair.indexOf(equals);
      const clean = (piece) => decode(piece.replaceAll("+", " "));
      const name = clean(at < 0 ? pair : pair.slice(0, at));
      const value = at < 0 ? "" : clean(pair.slice(at + equals.length));
      if (!(name in result)) result[name] = value;
      else if (Array.isArray(result[name])) result[name].push(value);
      else result[name] = [result[name], value];
    }
    return result;
  },
  stringify(object, separator = "&", equals = "=", options = {}) {
    if (typeof object !== "object" || object === null) return "";
    const encode = options.encodeURIComponent ?? escape;
    return Object.entries(object)
      .flatMap(([name, value]) =>
        (Array.isArray(value) ? value : [value]).map((each) => `${encode(name)}${equals}${encode(primitive(each))}`),
      )
      .join(separator);
  },
};
querystring.decode = querystring.parse;
querystring.encode = querystring.stringify;

/* -- url ---------------------------------------------------------------------------------------- */

const LEGACY = /^\s*([a-z][a-z0-9.+-]*:)?(\/\/(?:([^/?#]*)@)?([^/?#:]*|\[[^\]]*\])(?::(\d*))?)?([^?#]*)(\?[^#]*)?(#.*)?\s*$/is;

class Url {
  protocol = null;
  slashes = null;
  auth = null;
  host = null;
  port = null;
  hostname = null;
  hash = null;
  search = null;
  query = null;
  pathname = null;
  path = null;
  href = "";
  format() {
    return formatLegacy(this);
  }
}

/** url.parse(), for what still uses it. */
function parse(text, parseQuery = false) {
  const url = new Url();
  const [, protocol, authority, auth, hostname, port, pathname, search, hash] = LEGACY.exec(`${text}`) ?? [];
  url.protocol = protocol?.toLowerCase() ?? null;
  if (authority !== undefined) {
    url.slashes = true;
    url.auth = auth === undefined ? null : unescape(auth);
    url.hostname = hostname.toLowerCase();
    url.port = port || null;
    url.host = url.port === null ? url.hostname : `${url.hostname}:${url.port}`;
  }
  url.pathname = pathname || (authority === undefined ? null : "/");
  url.search = search ?? (parseQuery ? "" : null);
  const query = search === undefined ? null : search.slice(1);
  url.query = parseQuery ? querystring.parse(query ?? "") : query;
  url.hash = hash ?? null;
  url.path = url.pathname === null && search === undefined ? null : `${url.pathname ?? ""}${search ?? ""}`;
  url.href = formatLegacy(url);
  return url;
}

function formatLegacy(url) {
  const protocol = url.protocol ? (url.protocol.endsWith(":") ? url.protocol : `${url.protocol}:`) : "";
  const host = url.host ?? (url.hostname ? url.hostname + (url.port ? `:${url.port}` : "") : "");
  const slashes = url.slashes || /^(https?|ftp|file|wss?):$/.test(protocol) ? "//" : "";
  const auth = url.auth ? `${url.auth}@` : "";
  let search = url.search ?? "";
  if (search === "" && url.query && typeof url.query === "object") search = querystring.stringify(url.query);
  if (search !== "" && !search.startsWith("?")) search = `?${search}`;
  let hash = url.hash ?? "";
  if (hash !== "" && !hash.startsWith("#")) hash = `#${hash}`;
  let pathname = url.pathname ?? "";
  if (host !== "" && pathname !== "" && !pathname.startsWith("/")) pathname = `/${pathname}`;
  return `${protocol}${host === "" && slashes === "//" && protocol === "" ? "" : slashes}${auth}${host}${pathname}${search}${hash}`;
}

function format(value, options) {
  if (typeof value === "string") return parse(value).href;
  if (!(value instanceof URL)) return formatLegacy(value);
  const url = new URL(value.href);
  if (options?.fragment === false) url.hash = "";
  if (options?.search === false) url.search = "";
  if (options?.auth === false) {
    url.username = "";
    url.password = "";
  }
  return url.href;
}

function resolve(from, to) {
  const base = new URL(from, "resolve://");
  const url = new URL(to, base);
  if (url.protocol !== "resolve:") return url.href;
  return `${url.pathname}${url.search}${url.hash}`;
}

function fileURLToPath(value) {
  const url = typeof value === "string" ? new URL(value) : value;
  if (url.protocol !== "file:")
    throw Object.assign(new TypeError("The URL must be of scheme file"), { code: "ERR_INVALID_URL_SCHEME" });
  return decodeURIComponent(url.pathname);
}

function pathToFileURL(path) {
  const url = new URL("file:///");
  url.pathname = (path.startsWith("/") ? path : `/bundle/${path}`).replaceAll("%", "%25").replaceAll("\\", "%5C").replaceAll("?", "%3F").replaceAll("#", "%23");
  return url;
}

function domainToASCII(domain) {
  return natives.domain_to_ascii(`${domain}`) ?? "";
}

function urlToHttpOptions(url) {
  return {
    protocol: url.protocol,
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    hash: url.hash,
    search: url.search,
    pathname: url.pathname,
    path: `${url.pathname}${url.search}`,
    href: url.href,
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    ...(url.username === "" ? {} : { auth: `${unescape(url.username)}:${unescape(url.password)}` }),
  };
}

export default {
  Url,
  URL,
  URLSearchParams,
  get URLPattern() {
    return globalThis.URLPattern;
  },
  parse,
  format,
  resolve,
  resolveObject: (from, to) => parse(resolve(from, to)),
  fileURLToPath,
  pathToFileURL,
  domainToASCII,
  domainToUnicode: (domain) => `${domain}`,
  urlToHttpOptions,
};
