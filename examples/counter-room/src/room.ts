/*
 * A room that counts its messages and cleans up after itself
 *
 * Small, and full of places where the obvious code is wrong. Each is marked with the number of the
 * pitfall in README.md, and for each the tests have a naive version that fails.
 */

import { DurableObject } from "cloudflare:workers";

import { Timers } from "./timers";

export type Sample = { at: number; count: number };

interface Env {
    INACTIVITY_MS: number;
    SAMPLE_MS: number;
}

const SAMPLES_MAX = 60;

const SCHEMA = `
    CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS samples (at INTEGER PRIMARY KEY, count INTEGER NOT NULL)`;

export class CounterRoom extends DurableObject<Env> {
    private readonly sql: SqlStorage;
    private readonly timers: Timers;

    /* Pitfall 3: this runs at every wake-up, so it makes nothing, reads nothing and waits for
     * nothing. */
    constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env);
        this.sql = ctx.storage.sql;
        this.timers = new Timers(ctx.storage);
    }

    async fetch(): Promise<Response> {
        const { 0: client, 1: server } = new WebSocketPair();
        this.ctx.acceptWebSocket(server);
        server.send(JSON.stringify({ count: (await this.look()).count }));
        return new Response(null, { status: 101, webSocket: client });
    }

    async webSocketMessage(): Promise<void> {
        await this.count();
    }

    async webSocketClose(ws: WebSocket, code: number): Promise<void> {
        ws.close(code === 1005 || code === 1006 ? 1000 : code);
    }

    async count(): Promise<number> {
        this.prepare();
        /* Pitfalls 1 and 4: the count is in the database and nowhere else, and it rises in a single
         * statement, so that there is no moment between reading and writing. */
        const { value } = this.sql
            .exec<{ value: number }>(
                `INSERT INTO counters VALUES ('messages', 1)
                 ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value`,
            )
            .one();

        const now = Date.now();
        this.timers.set("purge", now + this.env.INACTIVITY_MS);
        this.timers.setIfUnset("sample", now + this.env.SAMPLE_MS);
        await this.timers.arm();
        this.tell(value);
        return value;
    }

    async look(): Promise<{ count: number; samples: Sample[] }> {
        this.prepare();
        const samples = this.sql.exec<Sample>("SELECT at, count FROM samples ORDER BY at").toArray();
        return { count: this.messages(), samples };
    }

    /* Pitfall 2: a setTimeout() would be gone with the process, and would keep the object in memory
     * until then. The alarm is in the database. */
    async alarm(): Promise<void> {
        this.prepare();
        const due = this.timers.takeDue(Date.now());
        if (due.includes("purge")) return this.purge();
        if (due.includes("sample")) this.sample();
        await this.timers.arm();
    }

    /* Nothing may be awaited between the decision to purge and deleteAll(): a message that came in
     * between would be counted, answered and deleted. */
    private async purge(): Promise<void> {
        const deleted = this.ctx.storage.deleteAll();
        this.tell(0);
        await deleted;
    }

    private sample(): void {
        const now = Date.now();
        this.sql.exec("INSERT OR REPLACE INTO samples VALUES (?, ?)", now, this.messages());
        this.sql.exec(
            "DELETE FROM samples WHERE at NOT IN (SELECT at FROM samples ORDER BY at DESC LIMIT ?)",
            SAMPLES_MAX,
        );
        this.timers.set("sample", now + this.env.SAMPLE_MS);
    }

    private messages(): number {
        const [row] = this.sql.exec<{ value: number }>("SELECT value FROM counters WHERE name = 'messages'").toArray();
        return row?.value ?? 0;
    }

    /* Pitfall 5: deleteAll() takes the tables away while the object lives on, and the constructor
     * does not run again. Whoever is about to use them makes sure that they are there. */
    private prepare(): void {
        this.sql.exec(SCHEMA);
        this.timers.prepare();
    }

    private tell(count: number): void {
        const text = JSON.stringify({ count });
        for (const ws of this.ctx.getWebSockets()) {
            try {
                ws.send(text);
            } catch {
                /* It is closing. */
            }
        }
    }
}
