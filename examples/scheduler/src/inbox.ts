/*
 * Where jobs deliver: a receiver that can take the same thing twice
 *
 * At least once is all that a scheduler can promise: when the answer to a delivery is lost, it must
 * deliver again. The receiver makes it once, by the run's id, in the same transaction as whatever
 * the delivery does. Replace what `deliver` does with your own work, and keep the first line.
 */

import { DurableObject } from "cloudflare:workers";

export type Delivery = { runId: string; job: string; payload: string; attempt: number };
type Row = Delivery & { at: number; copies: number };

export class Inbox extends DurableObject {
    private readonly sql: SqlStorage;

    constructor(ctx: DurableObjectState, env: unknown) {
        super(ctx, env as never);
        this.sql = ctx.storage.sql;
        this.sql.exec(`
            CREATE TABLE IF NOT EXISTS deliveries (
                runId TEXT PRIMARY KEY, job TEXT NOT NULL, payload TEXT NOT NULL,
                attempt INTEGER NOT NULL, at INTEGER NOT NULL, copies INTEGER NOT NULL DEFAULT 1
            );
            CREATE TABLE IF NOT EXISTS refusals (one INTEGER PRIMARY KEY CHECK (one = 1), times INTEGER NOT NULL)`);
    }

    async deliver({ runId, job, payload, attempt }: Delivery): Promise<void> {
        const { rowsWritten } = this.sql.exec("UPDATE refusals SET times = times - 1 WHERE times > 0");
        if (rowsWritten > 0) throw new Error("The inbox refuses");
        this.sql.exec(
            `INSERT INTO deliveries (runId, job, payload, attempt, at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (runId) DO UPDATE SET copies = copies + 1`,
            runId, job, payload, attempt, Date.now(),
        );
    }

    async look(): Promise<{ deliveries: (Omit<Row, "payload"> & { payload: unknown })[] }> {
        const rows = this.sql.exec<Row>("SELECT * FROM deliveries ORDER BY at, runId").toArray();
        return { deliveries: rows.map((row) => ({ ...row, payload: JSON.parse(row.payload) })) };
    }

    async fail(times: number): Promise<void> {
        this.sql.exec("INSERT OR REPLACE INTO refusals VALUES (1, ?)", times);
    }
}
