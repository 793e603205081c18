/*
 * Configuration: classes of objects
 *
 * Which classes a Worker has, how each stores, and under which key its objects are kept. The list
 * of `migrations` is folded as wrangler does it; the `exports` map says the same in one step.
 *
 * The key of a class is `<worker>-<Class>` by the name it was first made under: renaming a class
 * keeps its ids and its data. A name that is made again after it was deleted or renamed away gets a
 * key of its own, because it is a new namespace.
 */

import { isTable, pathText } from "./config_check.js";

const MIGRATION_KEYS = ["tag", "new_classes", "new_sqlite_classes", "renamed_classes", "deleted_classes", "transferred_classes"];
const EXPORT_STATES = ["created", "deleted", "renamed", "transferred", "expecting-transfer"];

class Classes {
  constructor(worker) {
    this.worker = worker;
    this.live = new Map(); // name → {sqlite, key}
    this.made = new Map(); // name → how often
  }

  create(name, sqlite) {
    const times = (this.made.get(name) ?? 0) + 1;
    this.made.set(name, times);
    const key = `${this.worker}-${name}` + (times > 1 ? `.${times}` : "");
    this.live.set(name, { sqlite, key });
  }
}

function foldMigration(check, path, migration, classes) {
  const complain = (key, index, message) => check.error([...path, key, index], message);
  migration.deleted_classes?.forEach((name, i) => {
    if (!classes.live.delete(name)) {
      complain("deleted_classes", i, `Cannot apply deleted_classes migration to non-existent class ${name}`);
    }
  });
  migration.renamed_classes?.forEach(({ from, to }, i) => {
    const renamed = classes.live.get(from);
    if (renamed === undefined) {
      complain("renamed_classes", i, `Cannot apply renamed_classes migration to non-existent class ${from}`);
    } else if (classes.live.has(to)) {
      complain("renamed_classes", i, `Cannot apply renamed_classes migration to existing class ${to}`);
    } else {
      classes.live.delete(from);
      classes.live.set(to, renamed);
    }
  });
  for (const [key, sqlite] of [["new_classes", false], ["new_sqlite_classes", true]]) {
    migration[key]?.forEach((name, i) => {
      if (classes.live.has(name)) {
        complain(key, i, `Cannot apply ${key} migration to existing class ${name}`);
      } else {
        classes.create(name, sqlite);
      }
    });
  }
  migration.transferred_classes?.forEach(({ to }, i) => {
    check.warn([...path, "transferred_classes", i], `The objects of "${to}" stay with the Worker they come from: transfers do not happen here.`);
    if (!classes.live.has(to)) classes.create(to, true);
  });
}

function checkMigration(check, path, migration, tags) {
  const before = check.errors.length;
  check.unknown(path, migration, MIGRATION_KEYS);
  const tag = check.required([...path, "tag"], migration.tag, "string");
  if (tags.has(tag)) {
    check.error([...path, "tag"], `The migration tag "${tag}" is used twice; each migration needs its own.`);
  }
  if (tag !== undefined) tags.add(tag);
  for (const key of ["new_classes", "new_sqlite_classes", "deleted_classes"]) {
    check.is([...path, key], migration[key], "array of string");
  }
  for (const key of ["renamed_classes", "transferred_classes"]) {
    if (!check.is([...path, key], migration[key], "array of object")) continue;
    migration[key].forEach((item, i) => {
      check.required([...path, key, i, "from"], item.from, "string");
      check.required([...path, key, i, "to"], item.to, "string");
    });
  }
  return check.errors.length === before;
}

function foldExport(check, path, name, entry, classes) {
  if (!isTable(entry) || entry.type === "worker" || entry.type === "workflow") return;
  if (entry.type !== "durable-object") {
    check.error([...path, "type"], `"${pathText([...path, "type"])}" must be "durable-object" or "worker".`);
    return;
  }
  const state = entry.state ?? "created";
  if (!EXPORT_STATES.includes(state)) {
    check.error([...path, "state"], `"${pathText([...path, "state"])}" must be one of ${EXPORT_STATES.join(", ")}.`);
    return;
  }
  if (state === "renamed") {
    check.required([...path, "renamed_to"], entry.renamed_to, "string");
    return;
  }
  if (state === "deleted" || state === "transferred") return;
  if (entry.storage !== undefined && !["sqlite", "legacy-kv"].includes(entry.storage)) {
    check.error([...path, "storage"], `"${pathText([...path, "storage"])}" must be "sqlite" or "legacy-kv".`);
    return;
  }
  classes.create(name, entry.storage !== "legacy-kv");
}

/** `was` of a renamed class, followed to the name it was made under. */
function firstName(table, name) {
  const seen = new Set([name]);
  for (;;) {
    const found = Object.keys(table).find((key) => table[key]?.state === "renamed" && table[key].renamed_to === name);
    if (found === undefined || seen.has(found)) return name;
    seen.add(found);
    name = found;
  }
}

/** Map of class name → {sqlite, key} of the Worker named `worker`. */
export function foldClasses(check, worker, pathOf, { migrations, exports }) {
  const classes = new Classes(worker);
  const declared = Object.values(exports ?? {}).some((entry) => entry?.type === "durable-object");
  if (declared && migrations?.length > 0) {
    check.error(pathOf("exports"), "`migrations` and `exports` are mutually exclusive. Choose one or the other to declare your Durable Object lifecycle, but not both.");
    return classes.live;
  }
  const tags = new Set();
  migrations?.forEach((migration, i) => {
    const path = [...pathOf("migrations"), i];
    if (checkMigration(check, path, migration, tags)) foldMigration(check, path, migration, classes);
  });
  for (const [name, entry] of Object.entries(exports ?? {})) {
    foldExport(check, [...pathOf("exports"), name], name, entry, classes);
  }
  if (declared) {
    for (const [name, entry] of classes.live) entry.key = `${worker}-${firstName(exports, name)}`;
  }
  return classes.live;
}
