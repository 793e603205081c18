/*
 * ctx.storage
 *
 * Asynchronous KV, synchronous KV, transactions and the alarm (platform.md §3.2, 3.3, 3.5, 4) over
 * the natives of api/storage.c; SQL is in cf_sql.js. Everything is answered at once by SQLite, so
 * the promises returned here are settled when they are made.
 */

import { compat } from "./compat.js";
import { natives } from "./natives.js";
import { deserialize, serialize } from "./serialize.js";
import { SqlStorage } from "./cf_sql.js";
import { sendError } from "./cf_errors.js";
import { asReadBack, checkDictionary, finishClass, isObject, requireArguments, toDOMString, toInt32 } from "./webidl.js";

const PAIRS_MAX = 128;
const LEGACY_KEY_MAX = 2048;
const LEGACY_VALUE_MAX = 131072;
const LEGACY_VALUE_OVERHEAD = 34;
const NO_RECOVERY = "This Durable Object's storage back-end does not implement point-in-time recovery.";
/* What nanoseconds in 63 bits can say; the message of workerd says otherwise. */
const TIME_MS_MAX = 9223372036854;

/* workerd's words, its spelling included. */
const KV_DISABLED =
  "The storage.kv (synchronous KV) API is only available for SQLite-backed Durable Objects, but this object's namespace is not declared to use SQLite. You can use the older, asyncronous interface via methods of `storage` itself (e.g. `storage.get()`). Alternatively, to enable SQLite, change `new_classes` to `new_sqlite_classes` within the 'migrations' field in your wrangler.jsonc or wrangler.toml file. If using workerd directly, set `enableSql = true` in your workerd config for the class. Note that this change cannot be made after the class is already deployed to production.";
const PUT_FORMS =
  "put() may only be called with a single key-value pair and optional options as put(key, value, options) or with multiple key-value pairs and optional options as put(entries, options)";

function checkKey(key, sqlite) {
  if (sqlite) return;
  const size = natives.utf8_length(key);
  if (size > LEGACY_KEY_MAX) throw new RangeError(`Keys cannot be larger than ${LEGACY_KEY_MAX} bytes. A key of size ${size} was provided.`);
}

function checkValue(bytes, sqlite) {
  if (sqlite) return;
  if (bytes.byteLength > LEGACY_VALUE_MAX + LEGACY_VALUE_OVERHEAD)
    throw new RangeError(`Values cannot be larger than ${LEGACY_VALUE_MAX} bytes. A value of size ${bytes.byteLength} was provided.`);
}

function checkPairs(count, sqlite) {
  if (!sqlite && count > PAIRS_MAX) throw new RangeError(`Maximum number of key value pairs is ${PAIRS_MAX}. ${count} pairs were provided.`);
}

/* UTF-8 byte order is code point order; only surrogates make it differ from string order. */
function compareKeys(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    if (x >= 0xd800 && y >= 0xd800) {
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x - y;
  }
  return a.length - b.length;
}

/* The same where halves of pairs stand alone, which are code points of their own. */
function compareBrokenKeys(a, b) {
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i].codePointAt(0) - y[i].codePointAt(0);
  return x.length - y.length;
}

/** list() options → [start, end, prefix, reverse, limit] */
function listRange(options, interfaceName) {
  if (options === undefined || options === null) return [undefined, undefined, undefined, false, 0];
  checkDictionary(options, 1, "ListOptions", "list", interfaceName);
  let { start, startAfter, end, prefix, reverse, limit } = options;
  let low = start === undefined ? undefined : toDOMString(start);
  const after = startAfter === undefined ? undefined : toDOMString(startAfter);
  const high = end === undefined ? undefined : toDOMString(end);
  const lead = prefix === undefined ? undefined : toDOMString(prefix);
  if (limit !== undefined) limit = toInt32(limit);
  if (low !== undefined && after !== undefined) throw new TypeError("list() cannot be called with both start and startAfter values.");
  if (limit <= 0) throw new TypeError("List limit must be positive.");
  if (after !== undefined) low = after + "\0";
  return [low, high, lead === "" ? undefined : lead, Boolean(reverse), limit ?? 0];
}

/* What is in the dictionaries of options, in the order in which workerd reads it. Only allowUnconfirmed has an effect. */
const MEMBERS = {
  GetOptions: ["allowConcurrency", "noCache"],
  PutOptions: ["allowConcurrency", "allowUnconfirmed", "noCache"],
  GetAlarmOptions: ["allowConcurrency"],
  SetAlarmOptions: ["allowConcurrency", "allowUnconfirmed"],
};

/** Options as parameter `place` → allowUnconfirmed */
function readOptions(options, place, type, method, interfaceName) {
  if (options === undefined || options === null) return false;
  checkDictionary(options, place, type, method, interfaceName);
  let unconfirmed = false;
  for (const member of MEMBERS[type]) {
    const value = Boolean(options[member]);
    if (member === "allowUnconfirmed") unconfirmed = value;
  }
  return unconfirmed;
}

/** A parameter that is a time → whole milliseconds, of which there may be too many in the past only */
function readTime(time, method, interfaceName) {
  if (typeof time !== "number" && !(time instanceof Date))
    throw new TypeError(`Failed to execute '${method}' on '${interfaceName}': parameter 1 is not of type 'date'.`);
  const ms = Math.trunc(time instanceof Date ? time.getTime() : time);
  if (!Number.isFinite(ms)) throw new TypeError("The value cannot be converted because it is not a valid Date.");
  if (ms > TIME_MS_MAX) throw new TypeError("This API doesn't support dates after 2189.");
  return ms;
}

/** A result of a storage call: settled, or thrown where the compatibility date says so. */
function settle(run) {
  if (!compat.flags.captureAsyncThrows) return Promise.resolve(run());
  try {
    return Promise.resolve(run());
  } catch (error) {
    return Promise.reject(error);
  }
}

/** What storage and a transaction have in common; `guard(op)` throws where it is no longer usable. */
class StorageOperations {
  constructor(handle, sqlite, canSetAlarm) {
    Object.defineProperty(this, "_h", { value: handle });
    Object.defineProperty(this, "_sqlite", { value: sqlite });
    Object.defineProperty(this, "_canSetAlarm", { value: canSetAlarm });
  }

  _guard() {}

  /* Names the class in the words about a wrong argument. */
  get _place() {
    return "DurableObjectStorage";
  }

  #missing(method, type) {
    return new TypeError(`Failed to execute '${method}' on '${this._place}': parameter 1 is not of type '${type}'.`);
  }

  get(keys, options) {
    const count = arguments.length;
    return settle(() => {
      if (count === 0) throw this.#missing("get", "string or Array");
      const text = Array.isArray(keys) ? keys.map(toDOMString) : toDOMString(keys);
      readOptions(options, 2, "GetOptions", "get", this._place);
      this._guard("get()");
      if (typeof text !== "string") {
        checkPairs(text.length, this._sqlite);
        const found = new Map();
        for (const key of [...new Set(text)].sort(text.every((key) => key.isWellFormed()) ? compareKeys : compareBrokenKeys)) {
          checkKey(key, this._sqlite);
          const bytes = natives.kv_get(this._h, key);
          if (bytes !== undefined) found.set(asReadBack(key), deserialize(bytes));
        }
        return found;
      }
      checkKey(text, this._sqlite);
      const bytes = natives.kv_get(this._h, text);
      return bytes === undefined ? undefined : deserialize(bytes);
    });
  }

  put(keyOrEntries, valueOrOptions, options) {
    const count = arguments.length;
    return settle(() => {
      if (count === 0) throw this.#missing("put", "string or object");
      const several = isObject(keyOrEntries) && !Array.isArray(keyOrEntries);
      const key = several ? undefined : toDOMString(keyOrEntries);
      const entries = several ? Object.entries(keyOrEntries) : undefined;
      let unconfirmed = readOptions(options, 3, "PutOptions", "put", this._place);
      if (several) {
        if (valueOrOptions !== undefined && valueOrOptions !== null && !isObject(valueOrOptions)) throw new TypeError(PUT_FORMS);
        unconfirmed = readOptions(valueOrOptions, 2, "PutOptions", "put", this._place);
        const pairs = [];
        for (const [key, value] of entries) {
          if (value === undefined) continue;
          checkKey(key, this._sqlite);
          const bytes = serialize(value, "storage");
          checkValue(bytes, this._sqlite);
          pairs.push(key, bytes);
        }
        this._guard("put()");
        checkPairs(pairs.length / 2, this._sqlite);
        for (let i = 0; i < pairs.length; i += 2) natives.kv_put(this._h, pairs[i], pairs[i + 1], unconfirmed);
        return undefined;
      }
      if (valueOrOptions === undefined) throw new TypeError("put() called with undefined value.");
      checkKey(key, this._sqlite);
      const bytes = serialize(valueOrOptions, "storage");
      checkValue(bytes, this._sqlite);
      this._guard("put()");
      natives.kv_put(this._h, key, bytes, unconfirmed);
      return undefined;
    });
  }

  /* What is wrong with its arguments is thrown, not rejected: as in workerd. */
  delete(keys, options) {
    if (arguments.length === 0) throw this.#missing("delete", "string or Array");
    const several = Array.isArray(keys);
    const texts = several ? keys.map(toDOMString) : [toDOMString(keys)];
    const unconfirmed = readOptions(options, 2, "PutOptions", "delete", this._place);
    this._guard("delete()");
    return settle(() => {
      if (several) checkPairs(texts.length, this._sqlite);
      for (const key of texts) checkKey(key, this._sqlite);
      let count = 0;
      for (const key of texts) {
        if (natives.kv_delete(this._h, key, unconfirmed)) count++;
      }
      return several ? count : count === 1;
    });
  }

  list(options) {
    return settle(() => {
      const range = listRange(options, this._place);
      this._guard("list()");
      const found = new Map();
      const cursor = natives.kv_list_open(this._h, ...range, false);
      for (;;) {
        const pairs = natives.kv_list_next(cursor, 128);
        for (let i = 0; i < pairs.length; i += 2) found.set(pairs[i], deserialize(pairs[i + 1]));
        if (pairs.length < 256) return found;
      }
    });
  }

  getAlarm(options) {
    return settle(() => {
      readOptions(options, 1, "GetAlarmOptions", "getAlarm", this._place);
      this._guard("getAlarm()");
      const time = natives.alarm_get(this._h);
      return time === 0 ? null : time;
    });
  }

  setAlarm(scheduledTime, options) {
    return settle(() => {
      const time = readTime(scheduledTime, "setAlarm", this._place);
      const unconfirmed = readOptions(options, 2, "SetAlarmOptions", "setAlarm", this._place);
      this._guard("setAlarm()");
      if (time <= 0) throw new TypeError("setAlarm() cannot be called with an alarm time <= 0");
      this._canSetAlarm();
      natives.alarm_set(this._h, Math.max(time, Date.now()), unconfirmed);
      return undefined;
    });
  }

  deleteAlarm(options) {
    return settle(() => {
      const unconfirmed = readOptions(options, 1, "SetAlarmOptions", "deleteAlarm", this._place);
      this._guard("deleteAlarm()");
      natives.alarm_set(this._h, 0, unconfirmed);
      return undefined;
    });
  }
}

/** The argument of a transaction() callback (§3.5.2, 3.5.3). */
finishClass(StorageOperations);

export class DurableObjectTransaction extends StorageOperations {
  #state = "open"; // "rolled back" | "committed"
  #transactions;
  #depth;

  constructor(handle, sqlite, canSetAlarm, transactions, depth) {
    super(handle, sqlite, canSetAlarm);
    this.#transactions = transactions;
    this.#depth = depth;
  }

  _guard(operation) {
    if (this.#state === "rolled back") throw new Error(`Cannot ${operation} on rolled back transaction`);
    if (this.#state === "committed")
      throw new Error(`Cannot call ${operation} on transaction that has already committed: did you move \`txn\` outside of the closure?`);
  }

  get _place() {
    return "DurableObjectTransaction";
  }

  rollback() {
    if (this.#state === "rolled back") return; // a second one changes nothing
    this._guard("rollback()");
    if (this.#transactions.depth > this.#depth)
      throw new Error("Cannot roll back an outer transaction while a nested transaction is still running.");
    natives.savepoint_rollback(this._h, this.#depth);
    this.#transactions.depth = this.#depth - 1;
    this.#state = "rolled back";
  }

  deleteAll() {
    throw new Error("Cannot call deleteAll() within a transaction");
  }

  /* For transaction() only. */
  static end(txn, commit) {
    if (txn.#state !== "open") return;
    if (commit) natives.savepoint_release(txn._h, txn.#depth);
    else natives.savepoint_rollback(txn._h, txn.#depth);
    txn.#state = commit ? "committed" : "rolled back";
  }
}

finishClass(DurableObjectTransaction);

/** storage.kv: synchronous (§3.3). */
export class SyncKvStorage {
  #handle;
  #sqlite;

  constructor(handle, sqlite) {
    this.#handle = handle;
    this.#sqlite = sqlite;
  }

  /* The handle, once the arguments are known to be right. */
  get #open() {
    if (!this.#sqlite) throw new Error(KV_DISABLED);
    return this.#handle;
  }

  get(key) {
    if (arguments.length === 0) throw new TypeError("Failed to execute 'get' on 'SyncKvStorage': parameter 1 is not of type 'string'.");
    const text = toDOMString(key);
    const bytes = natives.kv_get(this.#open, text);
    return bytes === undefined ? undefined : deserialize(bytes);
  }

  put(key, value) {
    if (arguments.length === 0) throw new TypeError("Failed to execute 'put' on 'SyncKvStorage': parameter 1 is not of type 'string'.");
    const text = toDOMString(key);
    if (arguments.length === 1) throw new TypeError("Failed to execute 'put' on 'SyncKvStorage': parameter 2 is not of type 'Value'.");
    natives.kv_put(this.#open, text, serialize(value, "storage"), false);
  }

  delete(key) {
    if (arguments.length === 0) throw new TypeError("Failed to execute 'delete' on 'SyncKvStorage': parameter 1 is not of type 'string'.");
    const text = toDOMString(key);
    return natives.kv_delete(this.#open, text, false);
  }

  list(options) {
    const range = listRange(options, "SyncKvStorage");
    return new ListIterator(natives.kv_list_open(this.#open, ...range, true));
  }
}

finishClass(SyncKvStorage);

class ListIterator {
  #cursor;

  constructor(cursor) {
    this.#cursor = cursor;
  }

  next() {
    if (this.#cursor === null) return { done: true, value: undefined };
    const pair = natives.kv_list_next(this.#cursor, 1);
    if (pair.length === 0) {
      this.#cursor = null;
      return { done: true, value: undefined };
    }
    return { done: false, value: [pair[0], deserialize(pair[1])] };
  }

  /* There is no return(): who leaves a loop may go on where it was. */
  [Symbol.iterator]() {
    return this;
  }
}

/* As a generator has them: Symbol.iterator and the helpers. */
Object.setPrototypeOf(ListIterator.prototype, Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())));
finishClass(ListIterator);

function notCallable(method) {
  return new TypeError(`Failed to execute '${method}' on 'DurableObjectStorage': parameter 1 is not of type 'function'.`);
}

export class DurableObjectStorage extends StorageOperations {
  #transactions = { depth: 0, explicit: 0 };
  #sql;
  #kv;

  get sql() {
    return (this.#sql ??= new SqlStorage(this._h, this._sqlite));
  }

  get kv() {
    return (this.#kv ??= new SyncKvStorage(this._h, this._sqlite));
  }

  deleteAll(options) {
    return settle(() => {
      const unconfirmed = readOptions(options, 1, "PutOptions", "deleteAll", this._place);
      if (this.#transactions.explicit > 0 || this.#transactions.depth > 0) throw new Error("Cannot call deleteAll() within a transaction");
      natives.delete_all(this._h, compat.flags.deleteAllDeletesAlarm, unconfirmed);
      return undefined;
    });
  }

  sync() {
    return natives.storage_sync(this._h);
  }

  transactionSync(callback) {
    if (typeof callback !== "function") throw notCallable("transactionSync");
    if (!this._sqlite) throw new Error("Durable Object is not backed by SQL.");
    const transactions = this.#transactions;
    const depth = transactions.depth + 1;
    natives.savepoint_open(this._h, depth);
    transactions.depth = depth;
    let result;
    try {
      result = callback();
    } catch (error) {
      transactions.depth = depth - 1;
      natives.savepoint_rollback(this._h, depth);
      throw error;
    }
    transactions.depth = depth - 1;
    natives.savepoint_release(this._h, depth);
    return result;
  }

  transaction(callback, options) {
    if (typeof callback !== "function") return settle(() => { throw notCallable("transaction"); }); // prettier-ignore
    const transactions = this.#transactions;
    const { promise, resolve, reject } = Promise.withResolvers();
    natives.section_begin(this._h, (section) => {
      const depth = transactions.depth + 1;
      let txn;
      const end = (commit) => {
        transactions.depth = depth - 1;
        transactions.explicit--;
        try {
          DurableObjectTransaction.end(txn, commit);
        } finally {
          natives.transaction_end(this._h);
        }
      };
      const fail = (error) => {
        try {
          end(false);
        } catch (inner) {
          sendError(inner, (...parts) => natives.section_end(section, ...parts));
          return;
        }
        natives.section_end(section);
        reject(error);
      };
      natives.transaction_begin(this._h);
      transactions.explicit++;
      natives.savepoint_open(this._h, depth);
      transactions.depth = depth;
      txn = new DurableObjectTransaction(this._h, this._sqlite, this._canSetAlarm, transactions, depth);
      let result;
      try {
        result = Promise.resolve(callback(txn));
      } catch (error) {
        return fail(error);
      }
      result.then((value) => {
        try {
          end(true);
        } catch (error) {
          natives.section_end(section);
          reject(error);
          return;
        }
        natives.section_end(section);
        resolve(value);
      }, fail);
    });
    return promise;
  }

  /* A bookmark speaks of what is durable. */
  async getCurrentBookmark() {
    if (!this._sqlite) throw new Error(NO_RECOVERY);
    await natives.storage_sync(this._h);
    return natives.bookmark_now(this._h);
  }

  async getBookmarkForTime(time) {
    const ms = readTime(time, "getBookmarkForTime", this._place);
    if (!this._sqlite) throw new Error(NO_RECOVERY);
    return natives.bookmark_at(this._h, ms);
  }

  async onNextSessionRestoreBookmark(bookmark) {
    requireArguments(arguments.length, 1, "onNextSessionRestoreBookmark", this._place);
    const text = toDOMString(bookmark);
    if (!this._sqlite) throw new Error(NO_RECOVERY);
    await natives.storage_sync(this._h);
    return natives.restore_later(this._h, text);
  }
}
finishClass(DurableObjectStorage);
