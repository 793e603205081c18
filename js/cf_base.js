/*
 * Base classes of `cloudflare:workers`
 *
 * What a class extends says what it is (platform.md §1.1.2): the loader walks the prototype chain
 * of every export.
 */

export class DurableObject {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

export class WorkerEntrypoint {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

export class WorkflowEntrypoint {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

export class RpcTarget {}

/** "actor" | "legacy-actor" | "entrypoint" | "workflow" for a class, undefined for anything else. */
export function classKind(value) {
  if (typeof value !== "function" || value.prototype === undefined) return undefined;
  for (let at = value; at !== null && at !== Function.prototype; at = Object.getPrototypeOf(at)) {
    if (at === DurableObject) return "actor";
    if (at === WorkerEntrypoint) return "entrypoint";
    if (at === WorkflowEntrypoint) return "workflow";
  }
  return "legacy-actor";
}

/** Methods that are the platform's own and never called by name (§2.4.3). */
export const RESERVED_METHODS = new Set([
  "fetch", "connect", "alarm", "webSocketMessage", "webSocketClose", "webSocketError", "dup", "constructor", "preShutdown",
]);

const BASE_PROTOTYPES = new Set([DurableObject.prototype, WorkerEntrypoint.prototype, WorkflowEntrypoint.prototype, RpcTarget.prototype, Object.prototype]);

/** The property descriptor that RPC may see: on the class chain below the base class (§2.4.2). */
export function rpcMember(target, name) {
  if (Object.hasOwn(target, name)) return undefined;
  for (let proto = Object.getPrototypeOf(target); proto !== null && !BASE_PROTOTYPES.has(proto); proto = Object.getPrototypeOf(proto)) {
    const descriptor = Object.getOwnPropertyDescriptor(proto, name);
    if (descriptor !== undefined) return descriptor;
  }
  return undefined;
}
