/* Configuration: the project's `assets`, for server/process.c (the folder) and cf_assets.js (the rest) */

import { pathText } from "./config_check.js";
import { checkFirst, HTML_HANDLING, NOT_FOUND_HANDLING } from "./cf_assets_route.js";

const KEYS = ["directory", "binding", "html_handling", "not_found_handling", "run_worker_first"];

function choice(check, path, value, values) {
  if (value === undefined) return values[0];
  if (!values.includes(value)) check.error(path, `"${pathText(path)}" must be one of ${values.join(", ")}, but is ${JSON.stringify(value)}.`);
  return value;
}

function workerFirst(check, path, value, config) {
  if (value === undefined || value === false) return false;
  if (value !== true) {
    if (!check.is(path, value, "array of string")) return false;
    for (const fault of checkFirst(value)) check.error(path, `"${pathText(path)}": ${fault}.`);
  }
  if (config.main === undefined) check.error(path, `"${pathText(path)}" needs a Worker: "main" is missing.`);
  return value;
}

/** {directory, settings} of the assets, undefined if the project has none; adds the binding. */
export function addAssets(check, bindings, pathOf, config) {
  const { assets } = config;
  if (assets === undefined) return undefined;
  const path = pathOf("assets");
  check.unknown(path, assets, KEYS);
  const directory = check.required([...path, "directory"], assets.directory, "string");
  const name = assets.binding;
  if (check.is([...path, "binding"], name, "string")) {
    if (config.main === undefined) check.error([...path, "binding"], `"assets.binding" needs a Worker: "main" is missing.`);
    bindings.set(name, { name, type: "assets" });
  }
  const settings = {
    html: choice(check, [...path, "html_handling"], assets.html_handling, HTML_HANDLING),
    notFound: choice(check, [...path, "not_found_handling"], assets.not_found_handling, NOT_FOUND_HANDLING),
    workerFirst: workerFirst(check, [...path, "run_worker_first"], assets.run_worker_first, config),
  };
  return { directory, settings };
}
