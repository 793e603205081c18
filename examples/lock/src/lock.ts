/*
 * A lock: a lease with a fencing token, and a queue
 *
 * Whoever acquires the lock has it for a while, the lease, and loses it when the lease is neither
 * renewed nor released: a holder that died blocks nobody for ever. The price is that a holder that
 * was merely asleep may believe that it still has the lock. Hence the fencing token, a number that
 * rises with every grant and never comes twice: what the lock protects keeps the highest token it
 * has seen and refuses lower ones. The counter survives everything; it is why this object never
 * deletes itself.
 *
 * Owners name themselves, uniquely. Asking again under the same name is how one repeats a request
 * whose answer was lost: it gets the lease it has, or the place in the queue it had.
 *
 * The queue is first come, first served, and is in the database, while the promises that hold the
 * waiting requests are in memory. When the object is lost, the requests are lost with it, and
 * places are kept for those who ask again until their time is up.
 */

import { DurableObject } from "cloudflare:workers";

export type Grant = { ok: true; owner: string; token: number; expiresAt: number };
export type Refusal = { ok: false; error: string; expiresAt?: number };

type Lease = { owner: string; token: number; expiresAt: number };
type Waiter = { owner: string; leaseMs: number; until: number };

const QUEUE_MAX = 1000;

const SCHEMA = `
    CREATE TABLE IF NOT EXISTS fence (one INTEGER PRIMARY KEY CHECK (one = 1), token INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS lease (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        owner TEXT NOT NULL,
        token INTEGER NOT NULL,
        expiresAt INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS waiters (
        place INTEGER PRIMARY KEY AUTOINCREMENT,
        owner TEXT NOT NULL UNIQUE,
        leaseMs INTEGER NOT NULL,
        until INTEGER NOT NULL
    )`;

export class Lock extends DurableObject {
    /* Requests that wait in this process, by owner. */
    private readonly waiting = new Map<string, (grant: Grant) => void>();
    private readonly sql: SqlStorage;

    constructor(ctx: DurableObjectState, env: unknown) {
        super(ctx, env as never);
        this.sql = ctx.storage.sql;
        this.sql.exec(SCHEMA);
    }

    async acquire(owner: string, leaseMs: number, waitMs: number): Promise<Grant | Refusal> {
        await this.passOn();
        const held = this.lease();
        if (held?.owner === owner) return { ok: true, ...held };
        if (held === null) return this.grant(owner, leaseMs);
        if (waitMs === 0) return { ok: false, error: "The lock is held", expiresAt: held.expiresAt };
        return this.wait(owner, leaseMs, waitMs);
    }

    async renew(token: number, leaseMs: number): Promise<Grant | Refusal> {
        await this.passOn();
        const held = this.lease();
        if (held?.token !== token) return { ok: false, error: "The lease has been lost" };
        const expiresAt = Date.now() + leaseMs;
        this.sql.exec("UPDATE lease SET expiresAt = ?", expiresAt);
        await this.ctx.storage.setAlarm(expiresAt);
        return { ok: true, ...held, expiresAt };
    }

    async release(token: number): Promise<{ ok: true } | Refusal> {
        await this.passOn();
        if (this.lease()?.token !== token) return { ok: false, error: "The lease has been lost" };
        this.sql.exec("DELETE FROM lease");
        await this.passOn();
        return { ok: true };
    }

    async status(): Promise<{ holder: Lease | null; waiting: string[] }> {
        await this.passOn();
        const rows = this.sql.exec<Waiter>("SELECT owner FROM waiters ORDER BY place").toArray();
        return { holder: this.lease(), waiting: rows.map(({ owner }) => owner) };
    }

    async alarm(): Promise<void> {
        await this.passOn();
        /* Early, or renewed meanwhile: come back when the lease ends. */
        const held = this.lease();
        if (held !== null) await this.ctx.storage.setAlarm(held.expiresAt);
    }

    private lease(): Lease | null {
        return this.sql.exec<Lease>("SELECT owner, token, expiresAt FROM lease").toArray()[0] ?? null;
    }

    /*
     * If nobody has a valid lease, the first in the queue gets one. Every entry point calls this
     * first, because an alarm may be late, and a lease that has ended must not count until then.
     */
    private async passOn(): Promise<void> {
        const now = Date.now();
        this.sql.exec("DELETE FROM lease WHERE expiresAt <= ?", now);
        this.sql.exec("DELETE FROM waiters WHERE until <= ?", now);
        if (this.lease() !== null) return;

        const [next] = this.sql
            .exec<Waiter>("SELECT owner, leaseMs, until FROM waiters ORDER BY place LIMIT 1")
            .toArray();
        if (next === undefined) return this.ctx.storage.deleteAlarm();
        const grant = await this.grant(next.owner, next.leaseMs);
        this.waiting.get(next.owner)?.(grant);
    }

    private async grant(owner: string, leaseMs: number): Promise<Grant> {
        const expiresAt = Date.now() + leaseMs;
        this.sql.exec("DELETE FROM waiters WHERE owner = ?", owner);
        const { token } = this.sql
            .exec<{ token: number }>(
                `INSERT INTO fence VALUES (1, 1)
                 ON CONFLICT (one) DO UPDATE SET token = token + 1 RETURNING token`,
            )
            .one();
        this.sql.exec("INSERT INTO lease VALUES (1, ?, ?, ?)", owner, token, expiresAt);
        await this.ctx.storage.setAlarm(expiresAt);
        return { ok: true, owner, token, expiresAt };
    }

    private wait(owner: string, leaseMs: number, waitMs: number): Promise<Grant | Refusal> | Refusal {
        const { length } = this.sql.exec<{ length: number }>("SELECT count(*) AS length FROM waiters").one();
        if (length >= QUEUE_MAX) return { ok: false, error: "Too many wait for the lock" };

        this.sql.exec(
            `INSERT INTO waiters (owner, leaseMs, until) VALUES (?, ?, ?)
             ON CONFLICT (owner) DO UPDATE SET leaseMs = excluded.leaseMs, until = excluded.until`,
            owner, leaseMs, Date.now() + waitMs,
        );
        return new Promise((resolve) => {
            /* A timer and not the alarm: it serves a request that is in memory anyway. */
            const timer = setTimeout(() => {
                if (this.waiting.get(owner) !== settle) return resolve(REPEATED);
                this.waiting.delete(owner);
                this.sql.exec("DELETE FROM waiters WHERE owner = ?", owner);
                resolve({ ok: false, error: "The lock is held", expiresAt: this.lease()?.expiresAt });
            }, waitMs);
            const settle = (grant: Grant) => {
                clearTimeout(timer);
                this.waiting.delete(owner);
                resolve(grant);
            };
            this.waiting.set(owner, settle);
        });
    }
}

/* An owner asked again while its first request waited: the later one gets the lease. */
const REPEATED: Refusal = { ok: false, error: "The owner has asked again" };
