/*
 * Modules a bundle may import
 *
 * esbuild leaves `cloudflare:*`, `node:*` and files beside the bundle as require() calls; this is
 * what they find (platform.md §7.2).
 */

import { natives } from "./natives.js";
import { DurableObject, RpcTarget, WorkerEntrypoint, WorkflowEntrypoint } from "./cf_base.js";
import { asyncHooksModule } from "./cf_async_hooks.js";
import { compat } from "./compat.js";
import { ServiceStub } from "./cf_namespace.js";
import { rpc } from "./cf_rpc.js";
import { sockets } from "./cf_sockets.js";
import { nodeModules, setProcessSources } from "./node_modules.js";

const unsupported = (what) => {
  const refuse = function () {
    throw new Error(`${what} is not supported by Dormouse.`);
  };
  return refuse;
};

/* What `env` and `exports` of cloudflare:workers read; set when the Worker is loaded. */
export const current = { env: {}, exports: {} };

const forward = (pick) =>
  new Proxy(
    {},
    {
      get: (_t, key) => Reflect.get(pick(), key),
      has: (_t, key) => Reflect.has(pick(), key),
      ownKeys: () => Reflect.ownKeys(pick()),
      getOwnPropertyDescriptor: (_t, key) => {
        const descriptor = Reflect.getOwnPropertyDescriptor(pick(), key);
        if (descriptor !== undefined) descriptor.configurable = true;
        return descriptor;
      },
      set: (_t, key, value) => Reflect.set(pick(), key, value),
    },
  );

function withReplaced(name, value, run) {
  const before = current[name];
  current[name] = value;
  let result;
  try {
    result = run();
  } catch (error) {
    current[name] = before;
    throw error;
  }
  if (typeof result?.then === "function") return Promise.resolve(result).finally(() => (current[name] = before));
  current[name] = before;
  return result;
}

const builtins = {
  "cloudflare:workers": () => ({
    DurableObject,
    WorkerEntrypoint,
    WorkflowEntrypoint,
    RpcTarget,
    get RpcStub() {
      return rpc().RpcStub;
    },
    get RpcPromise() {
      return rpc().RpcPromise;
    },
    get RpcProperty() {
      return rpc().RpcProperty;
    },
    ServiceStub,
    env: forward(() => current.env),
    exports: forward(() => current.exports),
    withEnv: (env, run) => withReplaced("env", env, run),
    withExports: (exports, run) => withReplaced("exports", exports, run),
    withEnvAndExports: (env, exports, run) => withReplaced("env", env, () => withReplaced("exports", exports, run)),
    waitUntil: (promise) => natives.wait_until(Promise.resolve(promise)),
  }),
  "cloudflare:sockets": () => ({ connect: (address, options) => sockets().connect(address, options) }),
  "cloudflare:email": () => ({ EmailMessage: unsupported("EmailMessage of cloudflare:email") }),
  "cloudflare:workflows": () => ({
    NonRetryableError: class NonRetryableError extends Error {
      constructor(message, name = "NonRetryableError") {
        super(message);
        this.name = name;
      }
    },
  }),
  ...(compat.flags.nodejsCompat ? nodeModules : {}),
  "node:async_hooks": asyncHooksModule,
};

const loaded = new Map();

/** require() of a bundle. */
export function requireModule(name) {
  if (name.startsWith("./") || name.startsWith("../")) return requireFile(name);
  const full = builtins[name] === undefined && builtins[`node:${name}`] !== undefined ? `node:${name}` : name;
  let module = loaded.get(full);
  if (module === undefined) {
    const make = builtins[full];
    if (make === undefined) throw new Error(`No such module "${name}".`);
    module = make();
    loaded.set(full, module);
  }
  return module;
}

setProcessSources({ env: () => current.env, requireModule });

function requireFile(name) {
  let module = loaded.get(name);
  if (module === undefined) {
    const bytes = natives.module_read(name.replace(/\?module$/, ""));
    if (bytes === undefined) throw new Error(`No such module "${name}".`);
    if (/\.wasm(\?module)?$/.test(name)) module = new WebAssembly.Module(bytes);
    else if (/\.(txt|html|sql|md|json|svg|css)$/.test(name)) module = natives.utf8_decode(bytes, false, false);
    else module = bytes.buffer;
    loaded.set(name, module);
  }
  return module;
}
