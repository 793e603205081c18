/*
 * The window of one name
 *
 * A sliding log: the time of every request that was let through is kept until the window has moved
 * past it. That is exact, where a counter per calendar window lets twice the limit through around a
 * boundary, and it is small, because refused requests leave nothing: at most LIMIT rows per name.
 *
 * The log is in SQLite and not in a field. An object leaves memory whenever it is idle, and a limit
 * that is forgotten then is no limit. When the window has moved past everything, the alarm deletes
 * it all, so that a name that was seen once costs nothing for ever after.
 */

import { DurableObject } from "cloudflare:workers";

export type Decision = {
    allowed: boolean;
    limit: number;
    remaining: number;
    /* How long until the next request will be let through; 0 if it would be now. */
    retryMs: number;
};

interface Env {
    LIMIT: number;
    WINDOW_MS: number;
}

export class Limiter extends DurableObject<Env> {
    async take(): Promise<Decision> {
        const now = this.slide();
        const before = this.decide(now);
        if (!before.allowed) return before;

        /* No await between the count and this: nobody can slip in. */
        this.ctx.storage.sql.exec("INSERT INTO taken (at) VALUES (?)", now);
        /* Once per window, not once per request. */
        if ((await this.ctx.storage.getAlarm()) === null)
            await this.ctx.storage.setAlarm(now + this.env.WINDOW_MS);
        return { ...this.decide(now), allowed: true };
    }

    async peek(): Promise<Decision> {
        return this.decide(this.slide());
    }

    async alarm(): Promise<void> {
        this.slide();
        const { newest } = this.log();
        if (newest === null) return this.ctx.storage.deleteAll();
        await this.ctx.storage.setAlarm(newest + this.env.WINDOW_MS);
    }

    /* Forget what the window has moved past. Returns the time, which never goes back: a clock that
     * is set back must not lengthen the wait of everybody. */
    private slide(): number {
        const sql = this.ctx.storage.sql;
        /* Not in the constructor: deleteAll() takes the table away while the object lives on. */
        sql.exec("CREATE TABLE IF NOT EXISTS taken (at INTEGER NOT NULL)");
        const now = Math.max(Date.now(), this.log().newest ?? 0);
        sql.exec("DELETE FROM taken WHERE at <= ?", now - this.env.WINDOW_MS);
        return now;
    }

    private log(): { count: number; oldest: number | null; newest: number | null } {
        return this.ctx.storage.sql
            .exec<{ count: number; oldest: number | null; newest: number | null }>(
                "SELECT count(*) AS count, min(at) AS oldest, max(at) AS newest FROM taken",
            )
            .one();
    }

    private decide(now: number): Decision {
        const { count, oldest } = this.log();
        const { LIMIT: limit, WINDOW_MS: window } = this.env;
        const allowed = count < limit;
        const retryMs = allowed || oldest === null ? 0 : oldest + window - now;
        return { allowed, limit, remaining: Math.max(0, limit - count), retryMs };
    }
}
