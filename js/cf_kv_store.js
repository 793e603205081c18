/*
 * Workers KV: the store
 *
 * A KV namespace is one Durable Object of a class of this bundle, which no project can see or name:
 * so a put is durable before its promise resolves, and leaves another object's handler through that
 * object's output gate. cf_kv.js is what env holds; it checks everything before it calls.
 *
 * Keys are TEXT, which SQLite orders as KV lists them: by the bytes of their UTF-8. The first piece of
 * a value stands in its row, the rest of a long one in `piece`, because a row has a limit. Expired
 * keys are not seen any more; an alarm takes them away.
 */

import { DurableObject } from "./cf_base.js";

/** The class's name in the table of classes: none that a module could export by accident. */
export const KV_CLASS = "%kv";
export const KV_OBJECT = "kv";

const PIECE_BYTES = 1024 * 1024;
const PURGE_ROWS = 500;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    expiration INTEGER,
    metadata TEXT,
    size INTEGER NOT NULL,
    value BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS entry_expiration ON entry (expiration) WHERE expiration IS NOT NULL;
  CREATE TABLE IF NOT EXISTS piece (
    entry INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (entry, offset)
  );
`;

const seconds = () => Math.floor(Date.now() / 1000);

export class KvStore extends DurableObject {
  #sql;

  constructor(ctx, env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(SCHEMA);
  }

  /** Of each key [value, metadata text or null], or null; one number instead, if they are more than `most` bytes. */
  get(keys, most) {
    const rows = keys.map((key) => this.#sql.exec("SELECT id, metadata, size, value FROM entry WHERE key = ? AND (expiration IS NULL OR expiration > ?)", key, seconds()).next().value);
    const total = rows.reduce((sum, row) => sum + (row?.size ?? 0), 0);
    if (total > most) return total;
    return rows.map((row) => (row === undefined ? null : [this.#whole(row), row.metadata]));
  }

  #whole({ id, size, value }) {
    const first = new Uint8Array(value);
    if (first.length === size) return first;
    const bytes = new Uint8Array(size);
    bytes.set(first);
    for (const { offset, data } of this.#sql.exec("SELECT offset, data FROM piece WHERE entry = ?", id)) bytes.set(new Uint8Array(data), offset);
    return bytes;
  }

  put(key, value, expiration, metadata) {
    if (expiration !== undefined) this.#wakeAt(expiration);
    const before = this.#sql.exec("SELECT id, size FROM entry WHERE key = ?", key).next().value;
    if (before?.size > PIECE_BYTES) this.#sql.exec("DELETE FROM piece WHERE entry = ?", before.id);
    const row = [expiration, metadata, value.length, value.subarray(0, PIECE_BYTES)];
    let id = before?.id;
    if (before === undefined) ({ id } = this.#sql.exec("INSERT INTO entry (key, expiration, metadata, size, value) VALUES (?, ?, ?, ?, ?) RETURNING id", key, ...row).one());
    else this.#sql.exec("UPDATE entry SET expiration = ?, metadata = ?, size = ?, value = ? WHERE id = ?", ...row, id);
    for (let at = PIECE_BYTES; at < value.length; at += PIECE_BYTES)
      this.#sql.exec("INSERT INTO piece (entry, offset, data) VALUES (?, ?, ?)", id, at, value.subarray(at, at + PIECE_BYTES));
  }

  /* The alarm stands no later than the first key to expire; deleting that key may leave it too early. */
  #wakeAt(expiration) {
    const { first } = this.#sql.exec("SELECT min(expiration) AS first FROM entry WHERE expiration IS NOT NULL").one();
    if (first === null || expiration < first) this.ctx.storage.setAlarm(expiration * 1000);
  }

  remove(key) {
    const row = this.#sql.exec("SELECT id, size FROM entry WHERE key = ?", key).next().value;
    if (row !== undefined) this.#drop(row);
  }

  #drop({ id, size }) {
    if (size > PIECE_BYTES) this.#sql.exec("DELETE FROM piece WHERE entry = ?", id);
    this.#sql.exec("DELETE FROM entry WHERE id = ?", id);
  }

  /** Up to `limit` of [key, expiration, metadata text] in order, and whether that is all. */
  list(prefix, after, limit) {
    const keys = [];
    const rows = this.#sql.exec(
      "SELECT key, expiration, metadata FROM entry WHERE key >= ? AND key > ? AND (expiration IS NULL OR expiration > ?) ORDER BY key LIMIT ?",
      prefix,
      after,
      seconds(),
      limit + 1,
    );
    for (const { key, expiration, metadata } of rows) {
      if (!key.startsWith(prefix)) break;
      if (keys.length === limit) return [keys, false];
      keys.push([key, expiration, metadata]);
    }
    return [keys, true];
  }

  alarm() {
    const rows = this.#sql.exec("SELECT id, size FROM entry WHERE expiration <= ? ORDER BY expiration LIMIT ?", seconds(), PURGE_ROWS).toArray();
    for (const row of rows) this.#drop(row);
    const { next } = this.#sql.exec("SELECT min(expiration) AS next FROM entry WHERE expiration IS NOT NULL").one();
    if (next !== null) this.ctx.storage.setAlarm(Math.max(next * 1000, Date.now() + 1));
  }
}
