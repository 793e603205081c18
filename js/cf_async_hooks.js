/*
 * node:async_hooks
 *
 * The engine has no hook for async context. A bundle that imports this module has its async
 * functions lowered to promises by esbuild, so that every step passes Promise.prototype.then, which
 * is wrapped here (only then) to carry the frame: an immutable Map from AsyncLocalStorage to store.
 */

let frame = new Map();

function inFrame(saved, callback, self, args) {
  const before = frame;
  frame = saved;
  try {
    return Reflect.apply(callback, self, args);
  } finally {
    frame = before;
  }
}

function bindFrame(callback) {
  if (typeof callback !== "function") return callback;
  const saved = frame;
  return function (...args) {
    return inFrame(saved, callback, this, args);
  };
}

function wrapFunction(target, name, index) {
  const original = target[name];
  if (typeof original !== "function") return;
  Object.defineProperty(target, name, {
    value: {
      [name](...args) {
        args[index] = bindFrame(args[index]);
        return Reflect.apply(original, this, args);
      },
    }[name],
    writable: true,
    configurable: true,
  });
}

function install() {
  const { then } = Promise.prototype;
  Object.defineProperty(Promise.prototype, "then", {
    value: function (fulfilled, rejected) {
      return Reflect.apply(then, this, [bindFrame(fulfilled), bindFrame(rejected)]);
    },
    writable: true,
    configurable: true,
  });
  for (const name of ["queueMicrotask", "setTimeout", "setInterval", "setImmediate"]) wrapFunction(globalThis, name, 0);
}

/** Every entry from C starts without a store. */
export function resetFrame() {
  if (frame.size > 0) frame = new Map();
}

class AsyncLocalStorage {
  #default;
  #name;

  constructor(options) {
    this.#default = options?.defaultValue;
    this.#name = options?.name ?? "";
  }

  get name() {
    return this.#name;
  }

  getStore() {
    return frame.has(this) ? frame.get(this) : this.#default;
  }

  run(store, callback, ...args) {
    return inFrame(new Map(frame).set(this, store), callback, undefined, args);
  }

  exit(callback, ...args) {
    const without = new Map(frame);
    without.delete(this);
    return inFrame(without, callback, undefined, args);
  }

  enterWith(store) {
    frame = new Map(frame).set(this, store);
  }

  disable() {
    const without = new Map(frame);
    without.delete(this);
    frame = without;
  }

  static bind(callback) {
    return bindFrame(callback);
  }

  static snapshot() {
    const saved = frame;
    return (callback, ...args) => inFrame(saved, callback, undefined, args);
  }
}

class AsyncResource {
  #frame = frame;
  #type;

  constructor(type) {
    this.#type = String(type);
  }

  get type() {
    return this.#type;
  }

  runInAsyncScope(callback, self, ...args) {
    return inFrame(this.#frame, callback, self, args);
  }

  bind(callback) {
    const resource = this;
    return function (...args) {
      return resource.runInAsyncScope(callback, this, ...args);
    };
  }

  static bind(callback, type) {
    return new AsyncResource(type ?? "bound-anonymous-fn").bind(callback);
  }

  asyncId() {
    return 1;
  }

  triggerAsyncId() {
    return 0;
  }

  emitDestroy() {
    return this;
  }
}

export function asyncHooksModule() {
  install();
  return { AsyncLocalStorage, AsyncResource };
}
