/*
 * DOMException
 *
 * Extends Error so that instances carry a stack and pass Error.isError. name, message and code are
 * getters on the prototype, as the standard says, and own properties, as in workerd: spreading one
 * or JSON.stringify() shows them.
 */

import { exposeClass, defineConstants } from "./webidl.js";

const CODES = {
  IndexSizeError: ["INDEX_SIZE_ERR", 1],
  HierarchyRequestError: ["HIERARCHY_REQUEST_ERR", 3],
  WrongDocumentError: ["WRONG_DOCUMENT_ERR", 4],
  InvalidCharacterError: ["INVALID_CHARACTER_ERR", 5],
  NoModificationAllowedError: ["NO_MODIFICATION_ALLOWED_ERR", 7],
  NotFoundError: ["NOT_FOUND_ERR", 8],
  NotSupportedError: ["NOT_SUPPORTED_ERR", 9],
  InUseAttributeError: ["INUSE_ATTRIBUTE_ERR", 10],
  InvalidStateError: ["INVALID_STATE_ERR", 11],
  SyntaxError: ["SYNTAX_ERR", 12],
  InvalidModificationError: ["INVALID_MODIFICATION_ERR", 13],
  NamespaceError: ["NAMESPACE_ERR", 14],
  InvalidAccessError: ["INVALID_ACCESS_ERR", 15],
  TypeMismatchError: ["TYPE_MISMATCH_ERR", 17],
  SecurityError: ["SECURITY_ERR", 18],
  NetworkError: ["NETWORK_ERR", 19],
  AbortError: ["ABORT_ERR", 20],
  URLMismatchError: ["URL_MISMATCH_ERR", 21],
  QuotaExceededError: ["QUOTA_EXCEEDED_ERR", 22],
  TimeoutError: ["TIMEOUT_ERR", 23],
  InvalidNodeTypeError: ["INVALID_NODE_TYPE_ERR", 24],
  DataCloneError: ["DATA_CLONE_ERR", 25],
};

/* Constants that no current name maps to. */
const RETIRED = {
  DOMSTRING_SIZE_ERR: 2,
  NO_DATA_ALLOWED_ERR: 6,
  VALIDATION_ERR: 16,
};

const NativeError = Error;

/* Set by stack.js: rewrites a fresh error's stack the way V8 prints it. */
let dressStack = () => {};
export function setStackDresser(dress) {
  dressStack = dress;
}

const shown = (value) => ({ value, writable: false, enumerable: true, configurable: true });

export let isDOMException;

export class DOMException extends NativeError {
  #name;
  #message;

  constructor(message = "", name = "Error") {
    super();
    this.#message = `${message}`;
    this.#name = `${name}`;
    Object.defineProperty(this, "code", shown(CODES[this.#name]?.[1] ?? 0));
    Object.defineProperty(this, "name", shown(this.#name));
    Object.defineProperty(this, "message", shown(this.#message));
    dressStack(this, `${this.#name}: ${this.#message}`);
    if (Object.hasOwn(this, "stack")) Object.defineProperty(this, "stack", { enumerable: true });
  }

  static {
    isDOMException = (value) => typeof value === "object" && value !== null && #name in value;
  }

  get name() {
    return this.#name;
  }

  get message() {
    return this.#message;
  }

  get code() {
    return CODES[this.#name]?.[1] ?? 0;
  }
}

exposeClass(DOMException);
defineConstants(DOMException, Object.fromEntries(Object.values(CODES)));
defineConstants(DOMException, RETIRED);
