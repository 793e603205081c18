/*
 * Configuration
 *
 * What a wrangler file says, for server/project.c: one pure function from texts to a project, run
 * once at start in a realm of its own. It knows wrangler's rules (which keys a named environment
 * inherits, what `migrations` make of classes, where secrets come from) and says of everything it
 * does not use whether that matters.
 *
 *   configure({ file, text, env?, vars?: ["K:V"], files?: {".dev.vars": text, …}, production?,
 *               version?: {id, timestamp} })
 *     → { errors, warnings: [{file, line, column, message}], project }
 *
 * `project` is undefined when there are errors.
 */

import { Check, isTable } from "./config_check.js";
import { addAssets } from "./config_assets.js";
import { foldClasses } from "./config_classes.js";
import { esbuildArguments } from "./config_esbuild.js";
import { checkDate, checkFlags, NEWEST_DATE } from "./config_flags.js";
import { ENVIRONMENT_KEYS, TOP_LEVEL_KEYS } from "./config_keys.js";
import { parseCron } from "./cron.js";
import { readSource } from "./config_source.js";
import { addVariables } from "./config_vars.js";

const KV_ID_MAX = 64;

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;
const PLAIN_NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
const ANY_NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u; /* takes milliseconds to compile */

function isClassName(name) {
  return PLAIN_NAME.test(name) || ANY_NAME.test(name);
}

/** The types of all keys of one level; unknown ones are warned about. */
function checkLevel(check, path, table, known) {
  check.unknown(path, table, Object.keys(known));
  for (const [key, { type }] of Object.entries(known)) {
    if (type === undefined || table[key] === undefined) continue;
    if (!check.is([...path, key], table[key], type)) table[key] = undefined;
  }
}

function environmentOf(check, root, env) {
  const table = root.env?.[env];
  if (table !== undefined) {
    checkLevel(check, ["env", env], table, ENVIRONMENT_KEYS);
    return table;
  }
  const names = Object.keys(root.env ?? {});
  const message = `No environment found in configuration with name "${env}".`;
  if (names.length === 0) check.warn([], message);
  else check.error(["env"], `${message} The available configured environment names are: ${JSON.stringify(names)}`);
  return undefined;
}

/** The top level and the chosen environment as one table, and where each key of it stands. */
function flatten(check, root, env) {
  const config = {};
  const own = env === undefined ? undefined : environmentOf(check, root, env);
  for (const [key, { inherited }] of Object.entries(ENVIRONMENT_KEYS)) {
    if (own === undefined || inherited) config[key] = root[key];
    if (own?.[key] !== undefined) config[key] = own[key];
    if (own !== undefined && !inherited && own[key] === undefined && root[key] !== undefined) {
      check.warn([key], `"${key}" exists at the top level, but not on "env.${env}". This is not what you probably want, since "${key}" configuration is not inherited by environments. Please add "${key}" to "env.${env}".`, true);
    }
  }
  for (const key of Object.keys(TOP_LEVEL_KEYS)) config[key] = root[key];
  config.name = own?.name ?? (env !== undefined && root.name !== undefined ? `${root.name}-${env}` : root.name);
  config.hasMain = "main" in root || (own !== undefined && "main" in own); // of a wrong type, perhaps
  const pathOf = (key) => (own?.[key] !== undefined ? ["env", env, key] : [key]);
  warnMissingVars(check, root, own, env);
  return { config, pathOf };
}

function warnMissingVars(check, root, own, env) {
  if (own?.vars === undefined || root.vars === undefined) return;
  const missing = Object.keys(root.vars).filter((name) => !(name in own.vars));
  if (missing.length === 0) return;
  check.warn(["env", env, "vars"], `The following vars exist at the top level, but not on "env.${env}.vars": ${missing.join(", ")}. This is probably not what you want, since "vars" configuration is not inherited by environments.`, true);
}

function checkNames(check, pathOf, config) {
  if (config.name !== undefined && !NAME.test(config.name)) {
    check.error(pathOf("name"), `"name" may have letters, digits, dashes and underscores only, but is ${JSON.stringify(config.name)}.`);
  }
  if (config.main === undefined && !config.hasMain && config.assets === undefined && !(config.dormouse?.native?.length > 0)) {
    check.error(["main"], `"main" is missing: name the file the Worker starts from, for example "main": "src/index.ts".`);
  }
  checkDate(check, pathOf("compatibility_date"), config.compatibility_date);
  checkFlags(check, pathOf("compatibility_flags"), config.compatibility_flags);
}

/** Bindings in `durable_objects`, checked: [{name, className, scriptName, path}]. */
function objectBindings(check, pathOf, config) {
  const table = config.durable_objects;
  if (table === undefined) return [];
  const path = pathOf("durable_objects");
  check.unknown(path, table, ["bindings", "code_update_strategy"]);
  if (!check.is([...path, "bindings"], table.bindings, "array of object")) return [];
  return table.bindings.flatMap((item, i) => {
    const at = [...path, "bindings", i];
    check.unknown(at, item, ["name", "class_name", "script_name", "environment"]);
    const name = check.required([...at, "name"], item.name, "string");
    const className = check.required([...at, "class_name"], item.class_name, "string");
    check.is([...at, "script_name"], item.script_name, "string");
    if (className !== undefined && !isClassName(className)) {
      check.error([...at, "class_name"], `"${className}" cannot be the name of a class.`);
      return [];
    }
    return name === undefined || className === undefined ? [] : [{ name, className, scriptName: item.script_name, path: at }];
  });
}

/** Adds namespaces to `bindings`; returns the classes this Worker holds. */
function addObjects(check, bindings, pathOf, config, worker) {
  const classes = foldClasses(check, worker, pathOf, config);
  const namespaces = [...classes].map(([className, { sqlite, key }]) => ({ className, uniqueKey: key, sqlite, bound: false }));
  for (const { name, className, scriptName, path } of objectBindings(check, pathOf, config)) {
    if (scriptName !== undefined && scriptName !== worker) {
      check.warn(path, `"${name}" is bound to ${className} of the Worker "${scriptName}", which does not run here: using it throws.`);
      bindings.set(name, { name, type: "unsupported", what: `Durable Object class ${className} of the Worker "${scriptName}"` });
      continue;
    }
    let index = namespaces.findIndex((namespace) => namespace.className === className);
    if (index === -1) {
      check.warn([...path, "class_name"], `There is no migration for the class ${className}, so it has no SQLite storage. Add "migrations": [{ "tag": "v1", "new_sqlite_classes": ["${className}"] }].`);
      index = namespaces.push({ className, uniqueKey: `${worker}-${className}`, sqlite: false, bound: true }) - 1;
    }
    namespaces[index].bound = true;
    bindings.set(name, { name, type: "durable_object_namespace", namespace: index, className });
  }
  return namespaces;
}

/** Adds service bindings: to this Worker's own entrypoints, as others do not run here. */
function addServices(check, bindings, pathOf, config, worker) {
  config.services?.forEach((item, i) => {
    const at = [...pathOf("services"), i];
    check.unknown(at, item, ["binding", "service", "environment", "entrypoint", "props", "remote"]);
    const name = check.required([...at, "binding"], item.binding, "string");
    const service = check.required([...at, "service"], item.service, "string");
    check.is([...at, "entrypoint"], item.entrypoint, "string");
    check.is([...at, "props"], item.props, "object");
    if (name === undefined || service === undefined) return;
    if (service === worker) bindings.set(name, { name, type: "service", entrypoint: item.entrypoint ?? "default", props: item.props });
    else {
      check.warn(at, `"${name}" is bound to the Worker "${service}", which does not run here: using it throws.`);
      bindings.set(name, { name, type: "unsupported", what: `the Worker "${service}"` });
    }
  });
}

/** Adds KV namespaces, each an object of a class that the runtime brings (native/kv_store.h). */
function addKv(check, bindings, namespaces, pathOf, config) {
  config.kv_namespaces?.forEach((item, i) => {
    const at = [...pathOf("kv_namespaces"), i];
    check.unknown(at, item, ["binding", "id", "preview_id", "remote"]);
    const name = check.required([...at, "binding"], item.binding, "string");
    const id = item.id ?? item.preview_id ?? name;
    if (name === undefined || !check.is([...at, "id"], id, "string")) return;
    if (id === "" || id.length > KV_ID_MAX) {
      check.error([...at, "id"], `"id" must have between 1 and ${KV_ID_MAX} characters.`);
      return;
    }
    if (item.remote === true) check.warn([...at, "remote"], `"remote" is ignored: the KV namespace is kept here.`);
    const uniqueKey = `kv:${id}`; // no Worker's name has a colon
    let index = namespaces.findIndex((namespace) => namespace.uniqueKey === uniqueKey);
    if (index === -1) index = namespaces.push({ className: "%kv", uniqueKey, sqlite: true, bound: true, native: true }) - 1;
    bindings.set(name, { name, type: "kv_namespace", namespace: index });
  });
}

/** Adds the class whose object's alarm runs `triggers.crons` (cf_scheduled.js); what the Worker needs to know of it. */
function addCrons(check, namespaces, pathOf, config, worker) {
  const path = [...pathOf("triggers"), "crons"];
  const texts = config.triggers?.crons ?? [];
  if (config.triggers !== undefined) check.unknown(pathOf("triggers"), config.triggers, ["crons"]);
  if (!check.is(path, texts, "array of string") || texts.length === 0) return undefined;
  texts.forEach((text, i) => {
    try {
      parseCron(text);
    } catch (error) {
      check.error([...path, i], `"${text}" is no schedule: ${error.message}.`);
    }
  });
  const namespace = namespaces.push({ className: "%cron", uniqueKey: `cron:${worker}`, sqlite: true, bound: true }) - 1;
  return { namespace, expressions: texts };
}

/**
 * Class libraries (docs/native-api.md): their paths. Their classes need no `main`, and no migration:
 * they have SQLite storage. A class that is named here and exported by the Worker too is the library's.
 */
function addNative(check, namespaces, pathOf, config, worker) {
  const table = config.dormouse;
  if (table === undefined) return [];
  const path = pathOf("dormouse");
  check.unknown(path, table, ["native", "main"]);
  check.is([...path, "main"], table.main, "string");
  if (!check.is([...path, "native"], table.native, "array of object")) return [];
  return (table.native ?? []).flatMap((item, i) => {
    const at = [...path, "native", i];
    check.unknown(at, item, ["library", "classes"]);
    const library = check.required([...at, "library"], item.library, "string");
    if (!check.is([...at, "classes"], item.classes, "array of string")) return [];
    for (const className of item.classes ?? []) {
      let namespace = namespaces.find((known) => known.className === className);
      if (namespace === undefined) {
        namespace = { className, uniqueKey: `${worker}-${className}`, sqlite: true, bound: true };
        namespaces.push(namespace);
      }
      namespace.native = true;
    }
    return library === undefined ? [] : [library];
  });
}

/** Bindings of services that are not served here, each under its name with words for the error. */
function addUnsupported(check, bindings, pathOf, config) {
  const known = { ...ENVIRONMENT_KEYS, ...TOP_LEVEL_KEYS };
  for (const [key, { use, names, why }] of Object.entries(known)) {
    const value = config[key];
    if (value === undefined) continue;
    const reason = use === "ignored" ? why(value) : false;
    if (reason) check.warn(pathOf(key), `"${key}" is ignored: ${reason}.`, true);
    if (use !== "binding") continue;
    const found = names(value).filter(([name]) => typeof name === "string");
    for (const [name, what] of found) bindings.set(name, { name, type: "unsupported", what });
    if (found.length > 0) {
      check.warn(pathOf(key), `"${key}" is not supported here: ${found.map(([name]) => `env.${name}`).join(", ")} will throw when used.`, true);
    }
  }
}

function addVersionMetadata(check, bindings, pathOf, config, input) {
  if (config.version_metadata === undefined) return;
  const name = check.required([...pathOf("version_metadata"), "binding"], config.version_metadata.binding, "string");
  const { id = "", timestamp = "" } = input.version ?? {};
  if (name !== undefined) bindings.set(name, { name, type: "json", json: { id, tag: "", timestamp } });
}

function devOf(check, config) {
  const dev = config.dev ?? {};
  const path = ["dev"];
  check.unknown(path, dev, ["ip", "port", "inspector_port", "inspector_ip", "local_protocol", "upstream_protocol", "host", "enable_containers", "container_engine", "generate_types"]);
  check.is([...path, "ip"], dev.ip, "string");
  if (check.is([...path, "port"], dev.port, "number") && !(Number.isInteger(dev.port) && dev.port >= 0 && dev.port <= 65535))
    check.error([...path, "port"], `"dev.port" must be a whole number from 0 to 65535, but is ${dev.port}.`);
  if (dev.local_protocol === "https") check.warn([...path, "local_protocol"], `"dev.local_protocol" is ignored: there is no TLS here, put a proxy in front.`);
  return { host: dev.ip ?? "", port: dev.port ?? -1 };
}

function buildOf(check, pathOf, config) {
  const build = config.build ?? {};
  const path = pathOf("build");
  check.unknown(path, build, ["command", "cwd", "watch_dir", "upload"]);
  check.is([...path, "command"], build.command, "string");
  check.is([...path, "cwd"], build.cwd, "string");
  const watched = build.watch_dir ?? "./src";
  check.is([...path, "watch_dir"], watched, Array.isArray(watched) ? "array of string" : "string");
  return { command: build.command ?? "", cwd: build.cwd ?? "", watch: build.command === undefined ? [] : [watched].flat() };
}

function projectOf(check, root, input) {
  checkLevel(check, [], root, { ...ENVIRONMENT_KEYS, ...TOP_LEVEL_KEYS });
  const { config, pathOf } = flatten(check, root, input.env);
  checkNames(check, pathOf, config);
  const name = config.name ?? "worker";
  const date = config.compatibility_date ?? NEWEST_DATE;
  const bindings = new Map();
  addUnsupported(check, bindings, pathOf, config);
  const assets = addAssets(check, bindings, pathOf, config);
  addVersionMetadata(check, bindings, pathOf, config, input);
  addVariables(check, bindings, pathOf, config, input);
  const namespaces = addObjects(check, bindings, pathOf, config, name);
  addKv(check, bindings, namespaces, pathOf, config);
  addServices(check, bindings, pathOf, config, name);
  const crons = config.main === undefined ? undefined : addCrons(check, namespaces, pathOf, config, name);
  const libraries = addNative(check, namespaces, pathOf, config, name);
  const settings = {
    name,
    compatibilityDate: date,
    compatibilityFlags: config.compatibility_flags ?? [],
    bindings: [...bindings.values()],
    assets: assets?.settings,
    crons,
    triggeredByUrl: !input.production,
  };
  return {
    name,
    main: config.dormouse?.main ?? config.main ?? "",
    libraries,
    settings: JSON.stringify(settings),
    assets: assets?.directory ?? "",
    namespaces,
    noBundle: config.no_bundle === true,
    esbuild: esbuildArguments(check, pathOf, { ...config, production: input.production }, date),
    build: buildOf(check, pathOf, config),
    dev: devOf(check, config),
    dated: config.version_metadata !== undefined,
  };
}

export function configure(input) {
  const source = readSource(input.file, input.text);
  const check = new Check(input.file, source.locate);
  if (source.errors.length > 0) {
    const errors = source.errors.map((error) => ({ file: input.file, ...error }));
    return { errors, warnings: [] };
  }
  if (!isTable(source.value)) {
    check.error([], "The file must hold one object.");
    return { errors: check.errors, warnings: [] };
  }
  const project = projectOf(check, source.value, input);
  const { errors, warnings } = check;
  return { errors, warnings, project: errors.length === 0 ? project : undefined };
}

export { scriptOfModule } from "./config_module.js";
