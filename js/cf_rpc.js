/*
 * RPC, as far as a Worker that makes no calls has it
 *
 * The rest stands in a script of its own, cf_rpc_late.js.
 */

import { natives } from "./natives.js";
import { RpcTarget } from "./cf_base.js";
import { lateScript } from "./late.js";
import { dataCloneError, setRemoteName } from "./serialize.js";
import { describeThrown } from "./stack.js";

export const rpc = lateScript("cf_rpc");

/** Stubs of every kind → what calls go through: a Reference, or the source of an object's stub. */
export const sources = new WeakMap();

/** What a method of the author's threw, apart from what the platform says about the call. */
export class MethodThrew {
  #thrown;

  constructor(thrown) {
    this.#thrown = thrown;
  }

  /** [what the method threw, true], or [error, false]; `instanceof` would ask the error, which may be a Proxy. */
  static unwrap(error) {
    return typeof error === "object" && error !== null && #thrown in error ? [error.#thrown, true] : [error, false];
  }
}

/** What the platform calls a remote reference; throws for what only RPC can carry. */
export function remoteName(value) {
  if (value instanceof RpcTarget) throw dataCloneError("Remote RPC references can only be serialized for RPC.");
  const source = sources.get(value);
  if (source === undefined) return undefined;
  if (source.describe === undefined) return "RpcStub";
  if (source.isLoopback) return "LoopbackServiceStub";
  throw dataCloneError("ServiceStub cannot be serialized in this context.");
}

setRemoteName(remoteName);

/** Nobody has the target any more. */
export function releaseTarget({ value }) {
  try {
    value[Symbol.dispose]?.();
  } catch (error) {
    natives.console_write("error", describeThrown(error));
  }
}
