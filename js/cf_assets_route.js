/*
 * Static assets: which file answers a path (platform.md §6.3)
 *
 * Pure functions. `has(name)` says whether there is a file; names and paths are decoded and start
 * with a slash.
 *
 * A page can be two files, `/x.html` and `/x/index.html`, and html_handling says at which one path
 * each of them is: everything else that means it is sent there. A file is only ever sent to where it
 * is really found, so that two files that want one path do not hide each other.
 */

const HOMES = {
  "auto-trailing-slash": { page: (x) => x, folder: (x) => `${x}/` },
  "force-trailing-slash": { page: (x) => `${x}/`, folder: (x) => `${x}/` },
  "drop-trailing-slash": { page: (x) => x, folder: (x) => (x === "" ? "/" : x) },
};

export const HTML_HANDLING = [...Object.keys(HOMES), "none"];
export const NOT_FOUND_HANDLING = ["none", "404-page", "single-page-application"];

/* What a path may be without its ending, and in which order the two files are tried. */
const ENDINGS = [
  ["/index.html", ["folder", "page"]],
  ["/index", ["folder", "page"], "exact"],
  ["/", ["folder", "page"]],
  [".html", ["page", "folder"]],
];

function readings(path) {
  const found = ENDINGS.find(([ending]) => path.endsWith(ending));
  const plain = { x: path, order: ["page", "folder"] };
  if (found === undefined) return { exactFirst: true, list: [plain] };
  const [ending, order, exact] = found;
  return { exactFirst: exact !== undefined, list: [{ x: path.slice(0, -ending.length), order }, plain] };
}

/** The file at a path without looking for where else it might be: {name} | {location} | undefined. */
function find(path, home, has, follow) {
  const { exactFirst, list } = readings(path);
  if (exactFirst && has(path)) return { name: path };
  for (const [i, { x, order }] of list.entries()) {
    if (i === 1 && has(path)) return { name: path };
    for (const kind of order) {
      const name = kind === "page" ? `${x}.html` : `${x}/index.html`;
      if (!has(name)) continue;
      const location = home[kind](x);
      if (location === path) return { name };
      if (follow && !has(location) && find(location, home, has, false)?.name === name) return { location };
      if (name === path) return { name };
    }
  }
  return undefined;
}

function notFound(path, handling, has) {
  if (handling === "single-page-application") return has("/index.html") ? { name: "/index.html", status: 200 } : undefined;
  if (handling !== "404-page") return undefined;
  for (let at = path.lastIndexOf("/"); at >= 0; at = path.lastIndexOf("/", at - 1)) {
    const name = `${path.slice(0, at)}/404.html`;
    if (has(name)) return { name, status: 404 };
    if (at === 0) break;
  }
  return undefined;
}

/** {name, status} to serve, {location} to go to, undefined: nothing. */
export function findAsset(path, { html, notFound: handling }, has) {
  const home = HOMES[html];
  const found = home === undefined ? (has(path) ? { name: path } : undefined) : find(path, home, has, true);
  if (found === undefined) return notFound(path, handling, has);
  return found.name === undefined ? found : { name: found.name, status: 200 };
}

export function decodePath(path) {
  const decode = (part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  };
  return path.split("/").map(decode).join("/").replace(/\/+/g, "/");
}

export function encodePath(path) {
  const encode = (part) => {
    try {
      return encodeURIComponent(part);
    } catch {
      return part;
    }
  };
  return path.split("/").map(encode).join("/");
}

/**
 * What the files make of a path as a URL has it: {name, status} | {location} | undefined. `location`
 * is encoded and lacks the query.
 */
export function routeAsset(path, options, has) {
  const decoded = decodePath(path);
  const found = findAsset(decoded, options, has);
  if (found === undefined) return undefined;
  const location = encodePath(found.location ?? decoded);
  return location !== path ? { location } : found;
}

/* -- run_worker_first ----------------------------------------------------------------------------- */

function patternOf(rule) {
  return new RegExp(`^${rule.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join(".*")}$`);
}

/** A function of a path: "assets" | "worker" | undefined, for no rule matched. */
export function compileFirst(rules) {
  const exceptions = rules.filter((rule) => rule.startsWith("!")).map((rule) => patternOf(rule.slice(1)));
  const first = rules.filter((rule) => !rule.startsWith("!")).map(patternOf);
  return (path) => {
    if (exceptions.some((pattern) => pattern.test(path))) return "assets";
    return first.some((pattern) => pattern.test(path)) ? "worker" : undefined;
  };
}

const RULES_MAX = 100;
const RULE_CHARACTERS_MAX = 100;

/** What is wrong with a list of rules, in words. */
export function checkFirst(rules) {
  const faults = [];
  if (!rules.some((rule) => rule.startsWith("/"))) faults.push("at least one rule must not be an exception");
  if (rules.length > RULES_MAX) faults.push(`there are ${rules.length} rules, the limit is ${RULES_MAX}`);
  const seen = new Set();
  for (const rule of rules) {
    if (!/^!?\//.test(rule)) faults.push(`"${rule}" must start with "/" or "!/"`);
    if (rule.length > RULE_CHARACTERS_MAX) faults.push(`"${rule}" has more than ${RULE_CHARACTERS_MAX} characters`);
    if (seen.has(rule)) faults.push(`"${rule}" is there twice`);
    seen.add(rule);
  }
  for (const rule of seen) {
    const wider = [...seen].find((other) => other !== rule && other.startsWith("!") === rule.startsWith("!") && other.endsWith("*") && rule.startsWith(other.slice(0, -1)));
    if (wider !== undefined) faults.push(`"${rule}" is covered by "${wider}"`);
  }
  return faults;
}
