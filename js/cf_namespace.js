/*
 * Namespaces, ids and stubs
 *
 * env.NS and what hangs on it (platform.md §2.1–2.4). An id is 32 bytes that C derived and checks;
 * here it is its hex text.
 */

import { checkOwner, natives, requireContext, runningContext } from "./natives.js";
import { newRequest } from "./request.js";
import { sendContent, sendRequest } from "./fetch.js";
import { BODY_BYTES, BODY_NONE, BODY_PIPE } from "./streams.js";
import { asReadBack, checkDictionary, finishClass, inspectors, INTERNAL, isObject, toDOMString } from "./webidl.js";
import { compat } from "./compat.js";
import { METHOD, receiveError } from "./cf_errors.js";
import { fetcherHelpers } from "./cf_fetcher.js";
import { sockets } from "./cf_sockets.js";
import { rpc, sources } from "./cf_rpc.js";

const NAME_BYTES_MAX = 1024;
const NAME_KEPT_MAX = 128; // longer names are derived each time
const LATELY_MAX = 1024;

let hexOf, makeId, isId;

export class DurableObjectId {
  #hex;

  constructor(guard, hex, name) {
    if (guard !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#hex = hex;
    Object.defineProperty(this, "jurisdiction", { value: undefined, enumerable: true, configurable: true });
    Object.defineProperty(this, "name", { value: name, enumerable: true, configurable: true });
  }

  toString() {
    return this.#hex;
  }

  equals(other) {
    if (!isId(other)) throw new TypeError("Failed to execute 'equals' on 'DurableObjectId': parameter 1 is not of type 'DurableObjectId'.");
    return this.#hex === other.#hex;
  }

  static {
    hexOf = (id) => id.#hex;
    isId = (value) => typeof value === "object" && value !== null && #hex in value;
    makeId = (hex, name) => new DurableObjectId(INTERNAL, hex, name);
  }
}
finishClass(DurableObjectId);

export { makeId };

/** The name an object is told: none when it is too long to be kept (§2.2.5), or has a U+0000, at which texts in C end. */
function carriedName({ name }) {
  if (name === undefined || name.includes("\0")) return undefined;
  const short = name.length * 3 <= NAME_BYTES_MAX; // no UTF-16 unit takes more than three bytes
  return short || natives.utf8_length(name) <= NAME_BYTES_MAX ? name : undefined;
}

/** What was made lately of a text: of two generations the older one is dropped when the younger is full. */
class Lately {
  #young = new Map();
  #old = new Map();

  get(text, make) {
    let value = this.#young.get(text);
    if (value === undefined) {
      value = this.#old.get(text) ?? make(text);
      if (this.#young.size >= LATELY_MAX) {
        this.#old = this.#young;
        this.#young = new Map();
      }
      this.#young.set(text, value);
    }
    return value;
  }
}

class DurableObjectNamespace {
  #index;
  #className;
  #hexes = new Lately(); /* of names: an id is two keyed hashes */

  constructor(guard, index, className) {
    if (guard !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#index = index;
    this.#className = className;
  }

  newUniqueId(options) {
    checkDictionary(options, 1, "NewUniqueIdOptions", "newUniqueId", "DurableObjectNamespace");
    refuseJurisdiction(options?.jurisdiction);
    requireContext();
    return makeId(natives.id_unique(this.#index), undefined);
  }

  idFromName(name) {
    if (arguments.length === 0) throw new TypeError("Failed to execute 'idFromName' on 'DurableObjectNamespace': parameter 1 is not of type 'string'.");
    const text = toDOMString(name);
    const derive = () => natives.id_from_name(this.#index, text);
    return makeId(text.length <= NAME_KEPT_MAX ? this.#hexes.get(text, derive) : derive(), asReadBack(text));
  }

  idFromString(hex) {
    if (arguments.length === 0) throw new TypeError("Failed to execute 'idFromString' on 'DurableObjectNamespace': parameter 1 is not of type 'string'.");
    return makeId(natives.id_from_string(this.#index, toDOMString(hex)), undefined);
  }

  get(id, options) {
    if (!isId(id)) throw new TypeError("Failed to execute 'get' on 'DurableObjectNamespace': parameter 1 is not of type 'DurableObjectId'.");
    checkGetOptions(options, "get");
    return makeStub(this.#index, id);
  }

  getByName(name, options) {
    if (arguments.length === 0) throw new TypeError("Failed to execute 'getByName' on 'DurableObjectNamespace': parameter 1 is not of type 'string'.");
    checkGetOptions(options, "getByName");
    return makeStub(this.#index, this.idFromName(name));
  }

  jurisdiction(jurisdiction) {
    refuseJurisdiction(jurisdiction);
    return new DurableObjectNamespace(INTERNAL, this.#index, this.#className);
  }
}
finishClass(DurableObjectNamespace);

function refuseJurisdiction(jurisdiction) {
  if (jurisdiction === undefined || jurisdiction === null) return;
  toDOMString(jurisdiction);
  throw new Error("Jurisdiction restrictions are not implemented in Dormouse.");
}

/* A hint is read and has no effect; a version is an experiment of workerd's. */
function checkGetOptions(options, method) {
  if (options === undefined || options === null) return;
  checkDictionary(options, 2, "GetDurableObjectOptions", method, "DurableObjectNamespace");
  const { locationHint, routingMode, version } = options;
  if (locationHint !== undefined) toDOMString(locationHint);
  const mode = routingMode === undefined ? "primary-only" : toDOMString(routingMode);
  if (version !== undefined && version !== null && !isObject(version))
    throw new TypeError("Incorrect type for the 'version' field on 'GetDurableObjectOptions': the provided value is not of type 'VersionOptions'.");
  if (mode !== "primary-only") throw new RangeError(`unknown routingMode: ${mode}`);
}

export function makeNamespace(index, className) {
  return new DurableObjectNamespace(INTERNAL, index, className);
}

/** A URL as an object sees it: without credentials and fragment. */
function plainUrl(url) {
  if (!url.includes("#") && !url.includes("@")) return url;
  let href = url;
  for (const part of ["hash", "username", "password"]) href = natives.url_set(href, part, "");
  return href;
}

/** Before 2021-11-10 a stub took relative URLs. */
function fullUrl(input) {
  if (input instanceof Request) return input;
  const base = "https://fake-host/";
  return URL.canParse(input, base) ? new URL(input, base).href : input;
}

/* What is undefined takes no conversion on its way into C. */
const orUndefined = (text) => (text === "" ? undefined : text);

/* -- stubs -------------------------------------------------------------------------------------- */

let stubFetch;

/* What is behind a stub of an object: also where its remote methods are called (cf_rpc_late.js).
 * Also of an entrypoint: its name is the index, and its props are the name; there is no hex. */
class DurableObjectStub {
  #index;
  #hex;
  #name;
  #owner; // 0: anybody's, as entrypoints are
  #broken; // after a reset the stub is good for nothing (§2.3.5)
  isLoopback; // it is ctx.exports'

  constructor(index, hex, name, isLoopback = false) {
    this.#index = index;
    this.#hex = hex;
    this.#name = name;
    this.isLoopback = isLoopback;
    this.#owner = hex === undefined ? 0 : runningContext();
  }

  get hex() {
    return this.#hex;
  }

  #receive(parts, hex) {
    const [name, sent, flags, value] = parts;
    const error = receiveError(name, sent, flags, value, hex);
    if (error?.durableObjectReset === true && this.#hex !== undefined) {
      const { message } = error;
      this.#broken = () => {
        const again = receiveError(name, message, flags, undefined);
        delete again.remote;
        return again;
      };
    }
    return error;
  }

  /* The object's own words about a call; when it is reset instead, nothing came from it. */
  #receiveCalled(parts) {
    const named = (parts[2] & METHOD) !== 0;
    const error = this.#receive(parts, named ? this.#hex : undefined);
    if (!named && error?.durableObjectReset === true) delete error.remote;
    return error;
  }

  #require() {
    requireContext();
    checkOwner(this.#owner, "OutgoingFactory");
    if (this.#broken !== undefined) throw this.#broken();
  }

  #fetch(args) {
    try {
      const request = newRequest(compat.flags.durableObjectFetchRequiresFullUrl ? args[0] : fullUrl(args[0]), args[1]);
      this.#require();
      const answer = sendRequest(request, (job) => this.#hop(job));
      return answer.then(undefined, (parcel) => {
        throw Array.isArray(parcel) ? this.#receive(parcel) : parcel;
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #hop({ method, url, block, content, cf }) {
    const json = typeof cf === "object" && cf !== null ? JSON.stringify(cf) : (cf ?? undefined);
    return sendContent(content, (body) => {
      const kind = body === null ? BODY_NONE : body instanceof Uint8Array ? BODY_BYTES : BODY_PIPE;
      return natives.stub_fetch(this.#index, this.#hex, this.#name, method === "GET" ? undefined : method, plainUrl(url), orUndefined(block), kind, body, json, content?.length);
    });
  }

  /** Promise of the Arrival that `path` called with `args` gives, or reading it. */
  call([method, ...path], args) {
    this.#require();
    const { arrival, packArguments, send } = rpc();
    const deep = path.length > 0;
    const answer =
      args === undefined && !deep
        ? this.#send(method, undefined, undefined)
        : send(packArguments(deep ? { path, args } : args), (bytes, boxes) => this.#send(method, bytes, boxes));
    return arrival(answer, (parts) => this.#receiveCalled(parts));
  }

  #send(method, bytes, boxes) {
    if (method.includes("\0")) throw new TypeError(`The RPC receiver does not implement the method "${method}".`); // a text in C would end there
    return natives.stub_call(this.#index, this.#hex, this.#name, method, bytes, boxes);
  }

  /** What a stub of the same is made of elsewhere: the arguments of makeServiceStub(). */
  describe() {
    if (this.#hex === undefined) return [this.#index, undefined, this.#name];
    checkOwner(this.#owner, "OutgoingFactory");
    return [natives.namespace_number(this.#index), this.#hex, this.#name];
  }

  static {
    stubFetch = (stub, args) => stub.#fetch(args);
  }
}

/* What a stub's prototype has by name; everything else is a remote method (§2.4). */
class StubMethods {
  constructor() {
    throw new TypeError("Illegal constructor");
  }
}
finishClass(StubMethods, "DurableObject");

const fetchOf = (inner) =>
  function fetch(...args) {
    if (args.length === 0) return Promise.reject(new TypeError("Failed to execute 'fetch' on 'Fetcher': parameter 1 is not of type 'Request or string'."));
    return stubFetch(inner, args);
  };

function connect(address, options) {
  return sockets().connectNowhere(address, options);
}

function makeStub(index, id) {
  const target = Object.create(StubMethods.prototype);
  Object.defineProperty(target, "name", { value: id.name, enumerable: true, configurable: true });
  Object.defineProperty(target, "id", { value: id, enumerable: true, configurable: true });
  return wrapStub(target, new DurableObjectStub(index, hexOf(id), carriedName(id)), () => makeStub(index, id));
}

/* A stub that came over RPC: it is no longer known whether it is an object's (§2.3.7). */
export class ServiceStub {
  constructor() {
    throw new TypeError("Illegal constructor");
  }
}
finishClass(ServiceStub);
Object.defineProperty(ServiceStub.prototype, Symbol.toStringTag, { value: "Fetcher", configurable: true });

/* The same as ctx.exports has it. */
class LoopbackServiceStub extends ServiceStub {}
finishClass(LoopbackServiceStub);
inspectors.set(ServiceStub, () => ({}));
inspectors.set(LoopbackServiceStub, () => ({}));

export function makeServiceStub(number, hex, name) {
  if (hex === undefined) return makeEntrypoint(number, name);
  const index = natives.namespace_find(number);
  if (index === undefined) throw new Error("The class of this stub's Durable Object is not known to the code that received it.");
  return wrapStub(Object.create(ServiceStub.prototype), new DurableObjectStub(index, hex, name), () => makeServiceStub(number, hex, name));
}

/** A stub of an entrypoint of this Worker; `props` is JSON text or undefined. */
export function makeEntrypoint(name, props) {
  return wrapStub(Object.create(ServiceStub.prototype), new DurableObjectStub(name, undefined, props), () => makeEntrypoint(name, props));
}

/** Called with {props} it is a stub of an entrypoint. */
export function makeLoopback(name) {
  const specialize = (options) => makeEntrypoint(name, options?.props === undefined ? undefined : JSON.stringify(options.props));
  for (const own of ["name", "length"]) delete specialize[own];
  Object.setPrototypeOf(specialize, LoopbackServiceStub.prototype);
  return wrapStub(specialize, new DurableObjectStub(name, undefined, undefined, true), () => makeEntrypoint(name, undefined));
}

function isHelper(property) {
  return !compat.flags.fetcherNoGetPutDelete && (property === "get" || property === "put" || property === "delete");
}

function wrapStub(target, inner, dup) {
  let fetch; // made when it is first asked for; most stubs live for one call
  let helpers;
  const stub = new Proxy(target, {
    get(object, property, receiver) {
      if (property === "fetch") return (fetch ??= fetchOf(inner));
      if (typeof property === "symbol" || property in object) {
        if (property === Symbol.dispose) return () => {};
        return Reflect.get(object, property, receiver);
      }
      if (property === "connect") return connect;
      if (isHelper(property)) return (helpers ??= fetcherHelpers(fetchOf(inner)))[property];
      if (property === "then" || !compat.flags.rpc) return undefined;
      if (property === "dup") return dup;
      return rpc().makeMember(inner, [property], property === "toJSON" && typeof object === "object" ? { ...object } : undefined);
    },
    has(object, property) {
      return property in object || (typeof property === "string" && property !== "then" && (compat.flags.rpc || property === "fetch" || property === "connect" || isHelper(property)));
    },
  });
  sources.set(stub, inner);
  return stub;
}
