/*
 * ctx.storage.sql
 *
 * Cursors over the natives of api/sql.c (platform.md §3.4). The native hands over values in flat
 * arrays; the object for a row is built by a function made once per list of column names.
 */

import { natives } from "./natives.js";
import { finishClass, toDOMString } from "./webidl.js";

const SQL_DISABLED =
  "SQL is not enabled for this Durable Object class. To enable it, change `new_classes` to `new_sqlite_classes` within the 'migrations' field in your wrangler.jsonc or wrangler.toml file. If using workerd directly,set `enableSql = true` in your workerd config for the class. Note that this change cannot be made after the class is already deployed to production.";
const NO_RESULTS = "Expected exactly one result from SQL query, but got no results.";
const MORE_RESULTS = "Expected exactly one result from SQL query, but got multiple results.";
/* Values that sql_rows() hands over at once, at the most. */
const CHUNK = 1024;

/* sql_exec() and sql_rows() leave here what was read (0) and written (1), and sql_exec() also what it was when the cursor stood on
 * its first row (2, 3), behind which it looks when that is taken. */
const counts = natives.sql_counts ?? new Float64Array(4);

const makers = new Map();

function rowMaker(names) {
  if (names.length === 0) return () => ({});
  const key = names.length === 1 ? names[0] : names.join("\0");
  let make = makers.get(key);
  if (make === undefined) {
    if (makers.size > 4096) makers.clear();
    make = (values, at) => {
      const row = {};
      for (let i = 0; i < names.length; i++) row[names[i]] = values[at + i];
      return row;
    };
    makers.set(key, make);
  }
  return make;
}

export class SqlStorageCursor {
  #box; // native cursor; null when nothing is left in it
  #names;
  #shown; // the names, as the script has them
  #values; // flat values handed over and not yet consumed
  #at = 0;
  #rowsRead;
  #rowsWritten;
  #nextRead; // rowsRead and rowsWritten from the first step on
  #nextWritten;

  constructor(names, values, box) {
    this.#names = names;
    this.#values = values;
    this.#box = box;
    this.#rowsRead = counts[2];
    this.#rowsWritten = counts[3];
    this.#nextRead = counts[0];
    this.#nextWritten = counts[1];
  }

  /* Make at least one row available; false at the end. */
  #more(count) {
    this.#rowsRead = this.#nextRead;
    this.#rowsWritten = this.#nextWritten;
    if (this.#at < this.#values.length) return true;
    if (this.#box === null) return false;
    this.#values = natives.sql_rows(this.#box, count);
    this.#at = 0;
    this.#rowsRead = this.#nextRead = counts[0];
    this.#rowsWritten = this.#nextWritten = counts[1];
    if (this.#values.length < count * this.#names.length) this.#box = null;
    return this.#values.length > 0;
  }

  next() {
    if (!this.#more(1)) return { done: true, value: undefined };
    const value = rowMaker(this.#names)(this.#values, this.#at);
    this.#at += this.#names.length;
    return { done: false, value };
  }

  toArray() {
    const make = rowMaker(this.#names);
    const width = this.#names.length;
    const rows = [];
    while (this.#more(Math.floor(CHUNK / width))) {
      for (; this.#at < this.#values.length; this.#at += width) rows.push(make(this.#values, this.#at));
    }
    return rows;
  }

  one() {
    if (!this.#more(1)) throw new Error(NO_RESULTS);
    const row = rowMaker(this.#names)(this.#values, this.#at);
    this.#at += this.#names.length;
    const [read, written] = [this.#nextRead, this.#nextWritten];
    if (this.#more(1)) {
      this.#rowsRead = this.#nextRead = read; // nobody takes the second row
      this.#rowsWritten = this.#nextWritten = written;
      if (this.#box !== null) natives.sql_close(this.#box);
      this.#box = null;
      this.#values = [];
      this.#at = 0;
      throw new Error(MORE_RESULTS);
    }
    return row;
  }

  raw() {
    return new SqlStorageRawIterator(
      () => {
        if (!this.#more(1)) return undefined;
        const row = this.#values.slice(this.#at, this.#at + this.#names.length);
        this.#at += this.#names.length;
        return row;
      },
      () => {
        const width = this.#names.length;
        const rows = [];
        while (this.#more(Math.floor(CHUNK / width))) {
          for (; this.#at < this.#values.length; this.#at += width) rows.push(this.#values.slice(this.#at, this.#at + width));
        }
        return rows;
      },
    );
  }

  get columnNames() {
    return (this.#shown ??= [...this.#names]);
  }

  get rowsRead() {
    return this.#rowsRead;
  }

  get rowsWritten() {
    return this.#rowsWritten;
  }

  [Symbol.iterator]() {
    return this;
  }
}
Object.setPrototypeOf(SqlStorageCursor.prototype, Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())));
finishClass(SqlStorageCursor, "Cursor");

class SqlStorageRawIterator {
  #next;
  #all;

  constructor(next, all) {
    this.#next = next;
    this.#all = all;
  }

  next() {
    const value = this.#next();
    return value === undefined ? { done: true, value: undefined } : { done: false, value };
  }

  toArray() {
    return this.#all();
  }

  [Symbol.iterator]() {
    return this;
  }
}
Object.setPrototypeOf(SqlStorageRawIterator.prototype, Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())));
finishClass(SqlStorageRawIterator, "RawIterator");

export class SqlStorageStatement {}
finishClass(SqlStorageStatement, "Statement");

const NO_NAMES = [];
const NO_VALUES = [];

export class SqlStorage {
  #handle;
  #sqlite;

  constructor(handle, sqlite) {
    this.#handle = handle;
    this.#sqlite = sqlite;
  }

  #check() {
    if (!this.#sqlite) throw new Error(SQL_DISABLED);
  }

  exec(query, ...bindings) {
    if (arguments.length === 0) throw new TypeError("Failed to execute 'exec' on 'SqlStorage': parameter 1 is not of type 'String'.");
    // [names, first values, cursor or null], or undefined for a statement without columns
    const text = toDOMString(query);
    this.#check();
    const result = natives.sql_exec(this.#handle, text, bindings);
    return result === undefined ? new SqlStorageCursor(NO_NAMES, NO_VALUES, null) : new SqlStorageCursor(result[0], result[1], result[2]);
  }

  get databaseSize() {
    this.#check();
    return natives.sql_size(this.#handle);
  }

  get Cursor() {
    return SqlStorageCursor;
  }

  get Statement() {
    return SqlStorageStatement;
  }
}
finishClass(SqlStorage);
