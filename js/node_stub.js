/*
 * Node modules that do not work in a Worker. Importing one is fine, and so is naming or extending what
 * it exports; calling it is an error that says so.
 */

export function notImplemented(name) {
  const stub = function () {
    throw Object.assign(new Error(`[node] ${name} is not implemented`), { code: "ERR_METHOD_NOT_IMPLEMENTED" });
  };
  Object.defineProperty(stub, "name", { value: name.slice(name.lastIndexOf(".") + 1) });
  return stub;
}

/** A module whose every export is a stub; the getter sits on the prototype, where bundlers look through. */
export function defaultModule(module) {
  const stubs = new Map();
  return Object.create(
    new Proxy(Object.create(null), {
      get(target, name) {
        if (typeof name !== "string" || name === "then" || name === "__esModule" || name === "default") return undefined;
        if (!stubs.has(name)) stubs.set(name, notImplemented(`${module}.${name}`));
        return stubs.get(name);
      },
    }),
  );
}
