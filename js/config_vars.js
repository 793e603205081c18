/*
 * Configuration: variables and secrets
 *
 * What ends up in `env` as plain values: `vars`, then the secrets of a .dev.vars file or, when there
 * is none, of the .env files, then --var from the command line, each over the one before.
 */

const LINE =
  /^[ \t]*(?:export[ \t]+)?([\w.-]+)(?:[ \t]*=|:[ \t])[ \t]*('(?:\\'|[^'])*'|"(?:\\"|[^"])*"|`(?:\\`|[^`])*`|[^#\r\n]*)?[ \t]*(?:#.*)?$/gm;

/** The pairs of a dotenv file, read as the `dotenv` package does. */
export function parseDotenv(text) {
  const pairs = {};
  for (const [, name, raw] of text.replace(/\r\n?/g, "\n").matchAll(LINE)) {
    let value = (raw ?? "").trim();
    const quote = /^(['"`])([\s\S]*)\1$/.exec(value);
    if (quote !== null) value = quote[2];
    if (quote?.[1] === '"') value = value.replace(/\\n/g, "\n").replace(/\\r/g, "\r");
    pairs[name] = value;
  }
  return pairs;
}

/** ${NAME}, $NAME and ${NAME:-default}, as `dotenv-expand` does; `\$` is a plain dollar. */
function expand(pairs) {
  const reference = /(\\)?\$(?:\{([\w.-]+)(?::?-([^}]*))?\}|(\w+))/g;
  const resolve = (text, depth) =>
    text.replace(reference, (whole, escaped, braced, fallback, plain) => {
      if (escaped !== undefined) return whole.slice(1);
      const value = pairs[braced ?? plain] ?? fallback ?? "";
      return depth > 8 ? value : resolve(value, depth + 1);
    });
  return Object.fromEntries(Object.entries(pairs).map(([name, value]) => [name, resolve(value, 0)]));
}

/** `files`: name → text of those that exist. */
function loadSecrets(files, env) {
  const own = env === undefined ? undefined : files[`.dev.vars.${env}`];
  const devVars = own ?? files[".dev.vars"];
  if (devVars !== undefined) return parseDotenv(devVars);
  const names = [".env", ".env.local"];
  if (env !== undefined) names.push(`.env.${env}`, `.env.${env}.local`);
  const pairs = {};
  for (const name of names) if (files[name] !== undefined) Object.assign(pairs, parseDotenv(files[name]));
  return expand(pairs);
}

/** Adds plain_text, json and secret_text bindings to `bindings`, a Map by name. */
export function addVariables(check, bindings, pathOf, config, input) {
  for (const [name, value] of Object.entries(config.vars ?? {})) {
    bindings.set(name, typeof value === "string" ? { name, type: "plain_text", text: value } : { name, type: "json", json: value });
  }
  const secrets = loadSecrets(input.files ?? {}, input.env);
  const required = config.secrets?.required;
  check.is([...pathOf("secrets"), "required"], required, "array of string");
  const names = Array.isArray(required) ? required.filter((name) => name in secrets) : Object.keys(secrets);
  for (const name of names) bindings.set(name, { name, type: "secret_text", text: secrets[name] });
  const missing = (Array.isArray(required) ? required : []).filter((name) => !(name in secrets));
  if (missing.length > 0) {
    check.warn(pathOf("secrets"), `Missing required secrets: ${missing.join(", ")}. Add them to .dev.vars or .env.`);
  }
  for (const pair of input.vars ?? []) {
    const colon = pair.indexOf(":");
    const name = colon === -1 ? pair : pair.slice(0, colon);
    bindings.set(name, { name, type: "plain_text", text: colon === -1 ? "" : pair.slice(colon + 1) });
  }
}
