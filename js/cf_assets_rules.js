/*
 * Static assets: _headers and _redirects (platform.md §6.3, points 9 and 10)
 *
 * Pure functions. Each parser returns its rules and warnings of the form "line 3: words"; a line that
 * is wrong is left out.
 */

const LINE_MAX = 2000;
const STATIC_MAX = 2000;
const DYNAMIC_MAX = 100;
const HEADER_RULES_MAX = 100;
const STATUSES = new Set([200, 301, 302, 303, 307, 308]);

const PLACEHOLDER = /:([A-Za-z]\w*)/g;

function escaped(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/* A source with one `*` and `:names`, as an expression with named groups. */
function compile(source) {
  let pattern = "";
  let end = 0;
  for (const { 0: whole, 1: name, index } of source.matchAll(/\*|:([A-Za-z]\w*)/g)) {
    pattern += escaped(source.slice(end, index));
    pattern += whole === "*" ? "(?<splat>.*)" : `(?<${name}>[^/]+)`;
    end = index + whole.length;
  }
  return new RegExp(`^${pattern}${escaped(source.slice(end))}$`);
}

function isDynamic(source) {
  return /\*|\/:[A-Za-z]/.test(source);
}

function filled(text, groups) {
  return groups === undefined ? text : text.replace(PLACEHOLDER, (whole, name) => groups[name] ?? whole);
}

/* -- _redirects ----------------------------------------------------------------------------------- */

function sourceOf(text) {
  if (!text.startsWith("/") || text.startsWith("//")) return undefined;
  return new URL(text, "http://source").pathname; // encoded as those of requests are
}

/* Placeholders may stand anywhere, in the host too. */
function isAbsolute(text) {
  return /^https?:\/\//.test(text) && URL.canParse(text.replace(PLACEHOLDER, "x"));
}

/* A rule, or words about what is wrong. */
function redirectOf(line) {
  const words = line.split(/\s+/);
  const comment = words.findIndex((word) => word.startsWith("#"));
  const [from, given, code = "302", ...rest] = comment < 0 ? words : words.slice(0, comment);
  if (from === undefined || given === undefined || rest.length > 0) return "expected a source, a destination and perhaps a status";
  const to = given.replace(/^\/+/, "/");
  const source = sourceOf(from);
  if (source === undefined) return `the source ${from} must be a path`;
  if (source.split("*").length > 2) return `${from} has more than one *`;
  const absolute = isAbsolute(to);
  if (!absolute && !to.startsWith("/")) return `the destination ${to} must be a path or a URL`;
  const status = Number(code);
  if (!STATUSES.has(status)) return `the status ${code} must be one of ${[...STATUSES].join(", ")}`;
  if (status === 200 && absolute) return `${to}: only a path can be served in place of another`;
  if (!absolute && /\/\*?$/.test(source) && /\/index(\.html)?$/.test(to)) return `${source} ${to} would redirect for ever`;
  try {
    return { source, to, status, pattern: isDynamic(source) ? compile(source) : undefined };
  } catch {
    return `${from} names one placeholder twice`;
  }
}

export function parseRedirects(text) {
  const fixed = new Map();
  const dynamic = [];
  const warnings = [];
  const seen = new Set();
  for (const [i, whole] of text.split("\n").entries()) {
    const line = whole.trim();
    if (line === "" || line.startsWith("#")) continue;
    const warn = (words) => warnings.push(`line ${i + 1}: ${words}`);
    if (line.length > LINE_MAX) {
      warn(`longer than ${LINE_MAX} characters`);
      continue;
    }
    const rule = redirectOf(line);
    if (typeof rule === "string") {
      warn(rule);
      continue;
    }
    if (seen.has(rule.source)) {
      warn(`there is a rule for ${rule.source} already`);
      continue;
    }
    seen.add(rule.source);
    if (rule.pattern === undefined && dynamic.length === 0) {
      if (fixed.size < STATIC_MAX) fixed.set(rule.source, rule);
      else warn(`more than ${STATIC_MAX} static rules`);
    } else if (dynamic.length < DYNAMIC_MAX) dynamic.push({ ...rule, pattern: rule.pattern ?? compile(rule.source) });
    else {
      warn(`more than ${DYNAMIC_MAX} dynamic rules; the rest is left out`);
      break;
    }
  }
  return { fixed, dynamic, warnings };
}

/**
 * What the rules make of a request: {status, location} to answer with, {rewrite: URL} to serve in its
 * place, undefined.
 */
export function redirect({ fixed, dynamic }, url) {
  let rule = fixed.get(url.pathname);
  let groups;
  for (let i = 0; rule === undefined && i < dynamic.length; i++) {
    const match = dynamic[i].pattern.exec(url.pathname);
    if (match !== null) [rule, groups] = [dynamic[i], match.groups];
  }
  if (rule === undefined) return undefined;
  let to;
  try {
    to = new URL(filled(rule.to, groups), url);
  } catch {
    return undefined;
  }
  if (rule.status === 200) return { rewrite: to };
  if (to.search === "") to.search = url.search;
  return { status: rule.status, location: to.origin === url.origin ? to.pathname + to.search + to.hash : to.href };
}

/* -- _headers ------------------------------------------------------------------------------------- */

/* A source may be a URL: its host must match then. */
function headersSource(text) {
  const found = /^https:\/\/([^/]+)(\/.*)?$/.exec(text);
  if (found !== null) return { host: compile(found[1]), path: compile(found[2] ?? "/") };
  return { host: undefined, path: compile(text) };
}

function headerOf(rule, line) {
  const removed = /^!\s*(\S+)$/.exec(line);
  if (removed !== null) {
    rule.remove.push(removed[1].toLowerCase());
    return undefined;
  }
  const colon = line.indexOf(":");
  if (colon < 0) return "expected a path or a header of the form Name: value";
  const name = line.slice(0, colon).trim().toLowerCase();
  const value = line.slice(colon + 1).trim();
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return `${JSON.stringify(name)} cannot be the name of a header`;
  if (value === "") return `${name} has no value`;
  rule.set.set(name, rule.set.has(name) ? `${rule.set.get(name)}, ${value}` : value);
  return undefined;
}

export function parseHeaders(text) {
  const rules = [];
  const warnings = [];
  let rule;
  for (const [i, whole] of text.split("\n").entries()) {
    const line = whole.trim();
    if (line === "" || line.startsWith("#")) continue;
    let fault;
    if (line.length > LINE_MAX) fault = `longer than ${LINE_MAX} characters`;
    else if (/^(\/|[^\s:]+:\/\/)/.test(line)) {
      if (rules.length === HEADER_RULES_MAX) {
        warnings.push(`line ${i + 1}: more than ${HEADER_RULES_MAX} rules; the rest is left out`);
        break;
      }
      rule = undefined;
      try {
        if (!/^(\/|https:\/\/)/.test(line)) throw new TypeError();
        rule = { ...headersSource(line), set: new Map(), remove: [], line: i + 1 };
        rules.push(rule);
      } catch {
        fault = `${line} cannot be a source`;
      }
    } else if (rule === undefined) fault = "there is no path above this header";
    else fault = headerOf(rule, line);
    if (fault !== undefined) warnings.push(`line ${i + 1}: ${fault}`);
  }
  const useful = rules.filter(({ set, remove }) => set.size > 0 || remove.length > 0);
  for (const { line } of rules.filter((known) => !useful.includes(known))) warnings.push(`line ${line}: no headers under this path`);
  return { rules: useful, warnings };
}

/** Change `headers` (a Headers) as the rules for a URL say. */
export function applyHeaders({ rules }, url, headers) {
  const set = new Set();
  for (const rule of rules) {
    const host = rule.host?.exec(url.host);
    const match = host === null ? null : rule.path.exec(url.pathname);
    if (match === null) continue;
    const groups = { ...host?.groups, ...match.groups };
    for (const name of rule.remove) headers.delete(name);
    for (const [name, value] of rule.set) {
      if (set.has(name)) headers.append(name, filled(value, groups));
      else headers.set(name, filled(value, groups));
      set.add(name);
    }
  }
}
