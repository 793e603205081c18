/*
 * RPC
 *
 * Calls of an object's methods by name (platform.md §2.4): arguments and results travel as
 * structured clones. A call's promise can be awaited, and properties of what it will resolve to can
 * be taken, and called, before it does.
 */

import { serialize } from "./serialize.js";
import { DOMException } from "./dom_exception.js";
import { RESERVED_METHODS, RpcTarget, rpcMember } from "./cf_base.js";

const SIZE_MAX = 32 * 1024 * 1024;
const DEPTH_MAX = 64;

/* Functions and RpcTargets would travel as stubs; here values are copied. */
function refuseStubs(value) {
  const what = typeof value === "function" ? `The function "${value.name}"` : value instanceof RpcTarget ? `The RpcTarget "${value.constructor.name}"` : undefined;
  if (what !== undefined)
    throw new DOMException(`${what} cannot be sent over RPC: Dormouse copies arguments and results, and does not make stubs of them.`, "DataCloneError");
  return -1;
}

function pack(value) {
  const bytes = serialize(value, "rpc", refuseStubs);
  if (bytes.byteLength > SIZE_MAX)
    throw new TypeError(`Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: ${bytes.byteLength} bytes.`);
  return bytes;
}

/* What an object says of a path that cannot be followed in its result. */
function refused(message, hex) {
  return Object.assign(new TypeError(message), { remote: true, durableObjectId: hex });
}

/* A promise of a value of the object `hex`, on which further properties can be taken at once; `path` is the last one taken. */
function pipelined(promise, path, depth, hex) {
  const member = (property) => {
    if (depth + 1 > DEPTH_MAX) throw new Error(`RPC pipelined property path is too deep (max ${DEPTH_MAX}).`);
    return (value) => {
      const follows = value !== null && typeof value === "object";
      if (!follows || !Object.hasOwn(value, property)) throw refused(`The RPC receiver does not implement the method "${follows || depth === 0 ? property : path}".`, hex);
      return value[property];
    };
  };
  const call = function () {
    return pipelined(
      promise.then(() => {
        throw refused(`"${path}" is not a function.`, hex);
      }),
      path,
      depth,
      hex,
    );
  };
  return new Proxy(call, {
    get(_target, property) {
      if (property === "then" || property === "catch" || property === "finally") return promise[property].bind(promise);
      if (property === Symbol.dispose) return () => {};
      if (typeof property === "symbol") return undefined;
      return pipelined(promise.then(member(property)), property, depth + 1, hex);
    },
  });
}

/**
 * The property `name` of a stub: calling it calls the remote method, awaiting it reads a remote
 * property. `send(name, bytes | undefined)` does either and promises the value. `hex` is the object's id.
 */
export function callRemote(name, hex, send) {
  let read;
  const reading = () => (read ??= send(name, undefined));
  const call = function (...args) {
    let sent;
    try {
      sent = send(name, pack(args));
    } catch (error) {
      sent = Promise.reject(error);
    }
    return pipelined(sent, name, 0, hex);
  };
  return new Proxy(call, {
    get(target, property) {
      if (property === "then" || property === "catch" || property === "finally") {
        const promise = reading();
        return promise[property].bind(promise);
      }
      if (property === Symbol.dispose) return () => {};
      if (typeof property === "symbol") return Reflect.get(target, property);
      return pipelined(reading(), name, 0, hex)[property];
    },
  });
}

/** What a method of the author's threw, apart from what the platform says about the call. */
export class MethodThrew {
  constructor(thrown) {
    this.thrown = thrown;
  }
}

async function runMethod(run) {
  try {
    return await run();
  } catch (error) {
    throw error instanceof Error ? new MethodThrew(error) : error;
  }
}

/** On the object's side: what `name` with `args` (undefined: a read) gives, as bytes. */
export async function answerCall(instance, kind, name, args) {
  if (kind === "legacy-actor")
    throw new TypeError(
      "The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the module \"cloudflare:workers\".",
    );
  if (RESERVED_METHODS.has(name)) throw new TypeError(`'${name}' is a reserved method and cannot be called over RPC.`);
  const descriptor = rpcMember(instance, name);
  if (descriptor === undefined) throw new TypeError(`The RPC receiver does not implement the method "${name}".`);
  const member = descriptor.get !== undefined ? descriptor.get.call(instance) : descriptor.value;
  if (args === undefined) return pack(await member);
  if (typeof member !== "function") throw new TypeError(`"${name}" is not a function.`);
  return pack(await runMethod(() => member.apply(instance, args)));
}
