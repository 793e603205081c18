/*
 * RPC
 *
 * Calls of methods by name, of objects and of what they hand out (platform.md §2.4). Three kinds of
 * things stand for what is elsewhere, all of them callable and with any property one asks for:
 *
 *     RpcStub       something that somebody handed out. It counts until it is disposed of, by hand, at
 *                   the end of its context or by the collector; then its owner may forget the thing.
 *     RpcProperty   stub.a.b: a path below a stub or a promise. Calling it calls what is there, awaiting
 *                   it reads it.
 *     RpcPromise    the result of a call. Awaiting gives the result; properties of it can be taken, and
 *                   called, before there is one.
 *
 * What they do goes through a source, call(path, args, member) → promise of an Arrival; without `args`
 * it is a read. There are three:
 *
 *   - of an object's stub (cf_namespace.js): an event of the object, for whatever instance it has;
 *   - a Reference: an event of the one context that owns the target, in the section it was made in;
 *   - of a promise: waits for the result, then goes into it, and on through the first stub it meets. The
 *     call therefore leaves when the result is here, after calls that were made meanwhile; Cloudflare's
 *     runtime delivers in the same order.
 *
 * Ownership. Each function or RpcTarget that is sent becomes a target of its own (cf_rpc_values.js),
 * { value, holder }, which C keeps as long as anybody may call it. Stubs in arguments are disposed of
 * when the call returns, so whoever wants to keep one takes dup(); stubs in a result belong to the
 * caller. When nobody has a target any more, its [Symbol.dispose]() is called where it lives.
 */

import { natives } from "./natives.js";
import { RESERVED_METHODS, RpcTarget, rpcMember } from "./cf_base.js";
import { receiveError, METHOD, RESET } from "./cf_errors.js";
import { isDOMException } from "./dom_exception.js";
import { inspectors, isObject } from "./webidl.js";
import { MethodThrew, sources } from "./cf_rpc.js";
import { Arrival, disposable, packArguments, packResult, Reference, send, setStubMakers, unpack, unpackParts } from "./cf_rpc_values.js";

export { packArguments, send };

const PATH_MAX = 65;
const STUB_DISPOSED = "RPC stub used after being disposed.";
const PROMISE_DISPOSED = "RPC promise used after being disposed.";
const GONE = "The execution context which hosts this callback is no longer running.";

/* -- the things scripts see --------------------------------------------------------------------- */

const illegal = () => new TypeError("Illegal constructor");

/* Their methods are bound by the proxies themselves; those of the prototypes are for whoever looks for them there. */
function ownMethod(self, name, inherited) {
  const method = self?.[name];
  if (typeof method !== "function" || method === inherited) throw new TypeError("Illegal invocation");
  return method;
}

export class RpcPromise {
  constructor() {
    throw illegal();
  }
  then(...steps) {
    return ownMethod(this, "then", RpcPromise.prototype.then)(...steps);
  }
  catch(step) {
    return ownMethod(this, "catch", RpcPromise.prototype.catch)(step);
  }
  finally(step) {
    return ownMethod(this, "finally", RpcPromise.prototype.finally)(step);
  }
}

export class RpcProperty {
  constructor() {
    throw illegal();
  }
  then(...steps) {
    return ownMethod(this, "then", RpcProperty.prototype.then)(...steps);
  }
  catch(step) {
    return ownMethod(this, "catch", RpcProperty.prototype.catch)(step);
  }
  finally(step) {
    return ownMethod(this, "finally", RpcProperty.prototype.finally)(step);
  }
}

/** The constructor as scripts know it: callable only with `new`, in the platform's words. */
export const RpcStub = function RpcStub(value) {
  if (new.target === undefined) throw new TypeError("Failed to construct 'JsRpcStub': Please use the 'new' operator, this object constructor cannot be called as a function.");
  if (!isObject(value) && typeof value !== "function") throw new TypeError("Failed to construct 'JsRpcStub': constructor parameter 1 is not of type 'Object'.");
  if (typeof value === "object" && !(value instanceof RpcTarget) && Object.getPrototypeOf(value) !== Object.prototype)
    throw new TypeError("RpcStubs can only wrap plain objects, functions, and RpcTarget derivatives.");
  return makeStub(new Reference(natives.rpc_target({ value })));
};

Object.defineProperty(RpcStub, "length", { value: 0, configurable: true });
for (const [constructor, name] of [[RpcStub, "RpcStub"], [RpcPromise, "RpcPromise"], [RpcProperty, "RpcProperty"]]) {
  Object.defineProperty(constructor, "name", { value: name, configurable: true }); // the bundler may have changed it
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, { value: `Js${name}`, configurable: true });
  inspectors.set(constructor, () => ({}));
}

function referenceOf(stub) {
  const reference = sources.get(stub);
  if (!(reference instanceof Reference)) throw new TypeError("Illegal invocation");
  return reference;
}

Object.defineProperty(RpcStub.prototype, "dup", {
  value: function dup() {
    const reference = referenceOf(this);
    if (reference.box === undefined) throw new Error(STUB_DISPOSED);
    return makeStub(new Reference(natives.rpc_dup(reference.box)));
  },
  writable: true,
  configurable: true,
});
Object.defineProperty(RpcStub.prototype, Symbol.dispose, {
  value: function dispose() {
    referenceOf(this).dispose();
  },
  writable: true,
  configurable: true,
});
const inheritedDispose = function dispose() {
  ownMethod(this, Symbol.dispose, inheritedDispose)();
};
Object.defineProperty(RpcPromise.prototype, Symbol.dispose, { value: inheritedDispose, writable: true, configurable: true });

/* A function that is nothing but callable. */
function makeCallable(prototype) {
  const callable = () => {};
  delete callable.name;
  delete callable.length;
  return Object.setPrototypeOf(callable, prototype);
}

/* Behind each of the three: names that the class does not have lead elsewhere. */
class Wildcard {
  constructor(source, path) {
    this.source = source;
    this.path = path;
  }

  get(target, name, receiver) {
    if (typeof name === "symbol" || name in target) return Reflect.get(target, name, receiver);
    if (name === "then") return undefined;
    return makeMember(this.source, [...this.path, name], undefined);
  }

  has(target, name) {
    return name in target || (typeof name === "string" && name !== "then");
  }

  apply(_target, _self, args) {
    return makePromise(attempt(this.source, this.path, args), this.source.hex);
  }
}

/* Promises and properties are made for one call each: they share what they are callable by. What a script puts on one
 * is kept here. */
class Thenable extends Wildcard {
  constructor(source, path) {
    super(source, path);
    this.value = undefined; // a promise of what it stands for, once somebody asked
    this.arrived = undefined; // what came of that
    this.own = undefined; // name → value, once something was put on it
  }

  promise() {
    return (this.value ??= attempt(this.source, this.path, undefined).then((arrived) => disposable((this.arrived = arrived))));
  }

  get(target, name, receiver) {
    switch (name) {
      case "then":
        return (...steps) => this.promise().then(...steps);
      case "catch":
        return (step) => this.promise().catch(step);
      case "finally":
        return (step) => this.promise().finally(step);
      default:
        return this.own?.has(name) ? this.own.get(name) : super.get(target, name, receiver);
    }
  }

  set(_target, name, value) {
    (this.own ??= new Map()).set(name, value);
    return true;
  }

  defineProperty(target, name, { value, configurable }) {
    return configurable === true && this.set(target, name, value);
  }

  preventExtensions() {
    return false;
  }
}

/* stub.toJSON: JSON.stringify() of a stub asks for it and calls it with the name of a property, and is no call of a remote method. */
class JsonMember extends Thenable {
  constructor(source, path, json) {
    super(source, path);
    this.json = json;
  }

  apply(target, self, args) {
    return args.length === 1 && typeof args[0] === "string" ? this.json : super.apply(target, self, args);
  }
}

class PromiseWildcard extends Thenable {
  get(target, name, receiver) {
    return name === Symbol.dispose ? () => this.dispose() : super.get(target, name, receiver);
  }

  dispose() {
    this.arrived?.dispose();
    this.source.dispose();
  }
}

const propertyCallable = makeCallable(RpcProperty.prototype);
const promiseCallable = makeCallable(RpcPromise.prototype);

/** Whatever a stub has by the last name of `path`; `json` is what the stub is in JSON. */
export function makeMember(source, path, json) {
  if (path.length > PATH_MAX) throw new TypeError("RPC pipelined property path is too deep (max 64).");
  return new Proxy(propertyCallable, path[path.length - 1] === "toJSON" ? new JsonMember(source, path, json) : new Thenable(source, path));
}

function makeStub(reference) {
  const proxy = new Proxy(makeCallable(RpcStub.prototype), new Wildcard(reference, []));
  sources.set(proxy, reference);
  return proxy;
}

/* `arrives` promises an Arrival from an object of that id, if it is one. */
function makePromise(arrives, hex) {
  return new Proxy(promiseCallable, new PromiseWildcard(new Result(arrives, hex), []));
}

setStubMakers({
  makeStub,
  nameUnsendable: (value) => (value instanceof RpcPromise ? "RpcPromise" : value instanceof RpcProperty ? "RpcProperty" : undefined),
});

/* -- sources ------------------------------------------------------------------------------------ */

function attempt(source, path, args, member = false) {
  try {
    return source.call(path, args, member);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The arrival that an answer of C's is; an error's parts go through `receive`. */
export async function arrival(answer, receive) {
  try {
    return unpack(await answer);
  } catch (parcel) {
    throw Array.isArray(parcel) ? receive(parcel) : parcel;
  }
}

/* What a reference's owner says of a call. When it is reset instead, nothing came from it. */
function receiveCalled(parts, hex) {
  const [name, message, flags, value] = parts;
  const named = (flags & METHOD) !== 0 && hex !== undefined;
  const error = receiveError(name, message, flags, value, named ? hex : undefined);
  if (named) return error;
  if (flags & RESET || error.message === GONE) delete error.remote;
  return error;
}

Reference.prototype.call = function call(path, args, member) {
  if (this.box === undefined) return Promise.reject(new Error(STUB_DISPOSED));
  const { box } = this;
  const parcel = packArguments([path, args, member === true]);
  const answer = send(parcel, (bytes, boxes) => natives.rpc_call(box, bytes, boxes));
  return arrival(answer, (parts) => receiveCalled(parts, natives.rpc_owner(box)));
};

Object.defineProperty(Reference.prototype, "hex", {
  get() {
    return this.box === undefined ? undefined : natives.rpc_owner(this.box);
  },
});

const noSuch = (name) => new TypeError(`The RPC receiver does not implement the method "${name}".`);
const noFunction = (path) => new TypeError(`"${path.length === 0 ? "(this)" : path.join(".")}" is not a function.`);

/* The value of path[at] in `value`, which is no target; throws the platform's words. */
function step(value, path, at) {
  const follows = value !== null && (typeof value === "object" || typeof value === "function");
  if (!follows || !Object.hasOwn(value, path[at])) throw noSuch(follows || at === 0 ? path[at] : path[at - 1]);
  return value[path[at]];
}

/* What a call has resolved to, or will. */
class Result {
  #arrives;
  #disposed = false;

  constructor(arrives, hex) {
    this.#arrives = arrives;
    this.hex = hex;
  }

  dispose() {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#arrives.then(
      (arrived) => arrived.dispose(),
      () => {},
    );
  }

  call(path, args) {
    if (path.length === 0 && args === undefined) return this.#arrives;
    if (this.#disposed) return Promise.reject(new Error(PROMISE_DISPOSED));
    const hold = natives.hold_begin(); // a call that was made is delivered, even if nobody waits for it
    const answer = this.#arrives.then((arrived) => this.#goInto(arrived.value, path, args));
    const release = () => natives.hold_end(hold);
    answer.then(release, release);
    return answer;
  }

  #goInto(value, path, args) {
    try {
      for (let at = 0; at <= path.length; at++) {
        const source = sources.get(value);
        if (source !== undefined && (at < path.length || args !== undefined)) return source.call(path.slice(at), args, at > 0);
        if (at < path.length) value = step(value, path, at);
      }
      if (args !== undefined) throw noFunction(path);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw Object.assign(error, this.hex === undefined ? { remote: true } : { remote: true, durableObjectId: this.hex });
    }
    const arrived = new Arrival();
    arrived.value = value;
    return arrived;
  }
}

/* -- the side that is called -------------------------------------------------------------------- */

/* A member of an instance or a target of RPC. */
function memberOf(instance, name) {
  const descriptor = rpcMember(instance, name);
  if (descriptor === undefined) throw noSuch(name);
  return descriptor.get !== undefined ? descriptor.get.call(instance) : descriptor.value;
}

const RESERVED_BY_TARGETS = new Set(["dup", "constructor"]);

function refuseReserved(names, name) {
  if (names.has(name)) throw new TypeError(`'${name}' is a reserved method and cannot be called over RPC.`);
}

/* Something that a call is for: a value, and whose method it is. */
class Place {
  constructor(value, self) {
    this.value = value;
    this.self = self;
    this.elsewhere = undefined; // a promise of an Arrival: the rest of the path was below a stub
  }

  /* Goes on to path[at…]; `args` go along if the way leads through a stub. */
  follow(path, at, args) {
    for (; at < path.length; at++) {
      const source = at > 0 && (typeof this.value === "function" || typeof this.value === "object") && this.value !== null ? sources.get(this.value) : undefined;
      if (source !== undefined) {
        this.elsewhere = source.call(path.slice(at), args, true);
        return this;
      }
      this.self = this.value;
      if (this.value instanceof RpcTarget) {
        refuseReserved(RESERVED_BY_TARGETS, path[at]);
        this.value = memberOf(this.value, path[at]);
      } else this.value = step(this.value, path, at);
    }
    return this;
  }
}

/*
 * give(bytes, boxes) with what is at the end of `path`, called with `args` or read; `find` gives the
 * Place. The arguments that `arrived` are over with the call.
 */
async function answer(find, path, args, arrived, give) {
  try {
    const place = find();
    let result;
    if (place.elsewhere !== undefined) result = (await place.elsewhere).value;
    else if (args === undefined) result = await place.value;
    else if (typeof place.value !== "function") throw noFunction(path);
    else
      try {
        result = await Reflect.apply(place.value, place.self, args);
      } catch (error) {
        throw typeof error === "object" && error !== null && !isDOMException(error) ? new MethodThrew(error) : error;
      }
    send(packResult(result), give);
  } finally {
    arrived?.dispose();
  }
}

function findMember(instance, kind, path, args) {
  if (kind === "legacy-actor")
    throw new TypeError(
      "The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the module \"cloudflare:workers\".",
    );
  refuseReserved(RESERVED_METHODS, path[0]);
  const place = new Place(memberOf(instance, path[0]), instance);
  return path.length === 1 ? place : place.follow(path, 1, args);
}

/** A call of the object: `name`, with an array of arguments or { path, args } in the bytes, or to be read. */
export function answerCall(instance, kind, name, bytes, boxes, give) {
  const arrived = bytes === undefined ? undefined : unpackParts(bytes, boxes);
  const deep = arrived !== undefined && !Array.isArray(arrived.value);
  const path = deep ? [name, ...arrived.value.path] : [name];
  const args = deep ? arrived.value.args : arrived?.value;
  return answer(() => findMember(instance, kind, path, args), path, args, arrived, give);
}

/** A call of something that was handed out. */
export function answerTarget({ value, holder }, bytes, boxes, give) {
  const arrived = unpackParts(bytes, boxes);
  const [path, args, member] = arrived.value;
  const self = member && holder !== undefined ? holder : value;
  return answer(() => new Place(value, self).follow(path, 0, args), path, args, arrived, give);
}
