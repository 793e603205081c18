/*
 * What a session keeps, and where
 *
 * Workers KV has the snapshots: it is read by whoever lists or shares sessions, without waking
 * an object. The object's SQLite has what must not be lost between two saves: the changes since,
 * the sequence numbers, and a copy of the last snapshot, because KV may go on answering with an
 * older one for a minute.
 */

import { applyPatch, newState, repair, type Patch, type State } from "./state";

export type Snapshot = {
    id: string;
    state: State;
    serverSeq: number;
    published: boolean;
    createdAt: number;
    updatedAt: number;
    remixedFrom: string | null;
};

export type Change = { serverSeq: number; player: string; clientSeq: number; patch: Patch };

type Loaded = { snapshot: Snapshot; state: State; repairs: string[]; replayed: number };

/* Enough that a player who was away for a moment gets what was missed rather than a snapshot. */
const CHANGES_KEPT = 200;
const CLIENTS_KEPT = 100;

/* In order, each once; never change one that was released. */
const MIGRATIONS = [
    `CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
     CREATE TABLE changes (
         serverSeq INTEGER PRIMARY KEY,
         player TEXT NOT NULL,
         clientSeq INTEGER NOT NULL,
         patch TEXT NOT NULL
     );
     CREATE TABLE saved (one INTEGER PRIMARY KEY CHECK (one = 1), snapshot TEXT NOT NULL);`,
    `CREATE TABLE clients (
         player TEXT PRIMARY KEY,
         clientSeq INTEGER NOT NULL,
         serverSeq INTEGER NOT NULL
     ) WITHOUT ROWID;`,
];

export class SessionStorage {
    private readonly sql: SqlStorage;

    constructor(
        private readonly storage: DurableObjectStorage,
        private readonly kv: KVNamespace,
    ) {
        this.sql = storage.sql;
    }

    migrate(): void {
        this.sql.exec("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY)");
        const { done } = this.sql.exec<{ done: number }>("SELECT count(*) AS done FROM migrations").one();
        for (const [version, statements] of MIGRATIONS.entries()) {
            if (version < done) continue;
            this.storage.transactionSync(() => {
                this.sql.exec(statements);
                this.sql.exec("INSERT INTO migrations VALUES (?)", version);
            });
        }
    }

    get schemaVersion(): number {
        return MIGRATIONS.length;
    }

    /* The newest snapshot there is, and the changes that came after it. Null: never created. */
    async load(id: string): Promise<Loaded | null> {
        const stored = await this.kv.get<Snapshot>(id, "json");
        const own = this.ownSnapshot();
        const snapshot = own !== null && own.serverSeq >= (stored?.serverSeq ?? -1) ? own : stored;
        if (snapshot === null) return null;

        const repaired = repair(snapshot.state);
        let { state } = repaired;
        const changes = this.changesAfter(snapshot.serverSeq);
        for (const { patch } of changes) state = applyPatch(state, patch);
        this.raise("serverSeq", snapshot.serverSeq);
        return { snapshot, state, repairs: repaired.repairs, replayed: changes.length };
    }

    async save(snapshot: Snapshot): Promise<void> {
        const metadata = { published: snapshot.published, updatedAt: snapshot.updatedAt, tempo: snapshot.state.tempo };
        await this.kv.put(snapshot.id, JSON.stringify(snapshot), { metadata });
        this.keepOwn(snapshot);
        this.raise("saved", snapshot.serverSeq);
        /* Only what is in the snapshot and in KV may go. */
        const trimmed = snapshot.serverSeq - CHANGES_KEPT;
        this.raise("trimmed", trimmed);
        this.sql.exec("DELETE FROM changes WHERE serverSeq <= ?", trimmed);
    }

    keepOwn(snapshot: Snapshot): void {
        this.sql.exec("INSERT OR REPLACE INTO saved VALUES (1, ?)", JSON.stringify(snapshot));
    }

    /* A number that was never given out before, whatever happened meanwhile. */
    nextSeq(): number {
        return this.sql
            .exec<{ value: number }>(
                `INSERT INTO counters VALUES ('serverSeq', 1)
                 ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value`,
            )
            .one().value;
    }

    lastSeq(): number {
        return this.counter("serverSeq");
    }

    addChange({ serverSeq, player, clientSeq, patch }: Change): void {
        this.sql.exec("INSERT INTO changes VALUES (?, ?, ?, ?)", serverSeq, player, clientSeq, JSON.stringify(patch));
        this.markUnsaved(serverSeq);
        if (clientSeq === 0) return;
        this.sql.exec("INSERT OR REPLACE INTO clients VALUES (?, ?, ?)", player, clientSeq, serverSeq);
        this.sql.exec(
            `DELETE FROM clients WHERE player NOT IN
                (SELECT player FROM clients ORDER BY serverSeq DESC LIMIT ?)`,
            CLIENTS_KEPT,
        );
    }

    /* The last number of a player that was taken. */
    lastClientSeq(player: string): number {
        const [row] = this.sql
            .exec<{ clientSeq: number }>("SELECT clientSeq FROM clients WHERE player = ?", player)
            .toArray();
        return row?.clientSeq ?? 0;
    }

    /* Everything after `serverSeq`, or null if some of it has been trimmed. */
    missedSince(serverSeq: number): Change[] | null {
        if (serverSeq < this.counter("trimmed") || serverSeq > this.lastSeq()) return null;
        return this.changesAfter(serverSeq);
    }

    /* Something happened at `serverSeq` that KV must learn of. */
    markUnsaved(serverSeq: number): void {
        this.raise("unsaved", serverSeq);
    }

    needsSaving(): boolean {
        return this.counter("unsaved") > this.counter("saved");
    }

    private changesAfter(serverSeq: number): Change[] {
        type Row = { serverSeq: number; player: string; clientSeq: number; patch: string };
        return this.sql
            .exec<Row>("SELECT * FROM changes WHERE serverSeq > ? ORDER BY serverSeq", serverSeq)
            .toArray()
            .map((row) => ({ ...row, patch: JSON.parse(row.patch) as Patch }));
    }

    private ownSnapshot(): Snapshot | null {
        const [row] = this.sql.exec<{ snapshot: string }>("SELECT snapshot FROM saved").toArray();
        return row === undefined ? null : (JSON.parse(row.snapshot) as Snapshot);
    }

    private counter(name: string): number {
        const [row] = this.sql.exec<{ value: number }>("SELECT value FROM counters WHERE name = ?", name).toArray();
        return row?.value ?? 0;
    }

    private raise(name: string, value: number): void {
        this.sql.exec(
            `INSERT INTO counters VALUES (?, ?)
             ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`,
            name, Math.max(0, value),
        );
    }
}

export function newSnapshot(id: string, state: State = newState(), remixedFrom: string | null = null): Snapshot {
    const now = Date.now();
    return { id, state, serverSeq: 0, published: false, createdAt: now, updatedAt: now, remixedFrom };
}
