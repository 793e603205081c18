/*
 * A scheduler: many jobs on the one alarm of an object
 *
 * Jobs are rows, each with the time at which it is next due; the alarm is set to the first of them,
 * always in the same transaction as the row, so that there is no moment at which a job is known
 * and nothing will wake us for it.
 *
 * A job is run at least once. Its row is moved on only after the delivery was acknowledged: when
 * the object dies in between, the alarm comes again and the same run is delivered again, under
 * the same id. The id is made of the job, its revision and the time for which it was planned.
 *
 * What fails is tried again after BACKOFF_MS, twice that, four times that…, each with up to 30 %
 * jitter, until attemptsMax. What a cron job missed while nothing was running is run once, not once
 * for each time.
 */

import { DurableObject } from "cloudflare:workers";

import { nextAfter, parseCron } from "./cron";
import type { Inbox } from "./inbox";

interface Env {
    INBOXES: DurableObjectNamespace<Inbox>;
    BACKOFF_MS: number;
    HISTORY_MAX: number;
}

/* What a caller wants; the payload is JSON. */
export type Plan = { cron: string | null; at: number; inbox: string; payload: string; attemptsMax: number };

type State = "waiting" | "done" | "failed";

type Job = Plan & {
    name: string;
    revision: number;
    state: State;
    /* For when this run was planned, and when it is tried next. */
    plannedAt: number;
    dueAt: number | null;
    attempts: number;
    error: string | null;
};

type Run = { id: number; runId: string; job: string; attempt: number; at: number; ok: number; error: string | null };

const CONCURRENCY = 10;
const BACKOFF_MS_MAX = 10 * 60_000;
const JITTER = 0.3;
const ERROR_LENGTH_MAX = 500;
/* If the alarm's handler dies with the machine, somebody must come back. */
const WATCHDOG_MS = 60_000;

const SCHEMA = `
    CREATE TABLE IF NOT EXISTS jobs (
        name TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        cron TEXT,
        at INTEGER NOT NULL,
        inbox TEXT NOT NULL,
        payload TEXT NOT NULL,
        attemptsMax INTEGER NOT NULL,
        state TEXT NOT NULL,
        plannedAt INTEGER NOT NULL,
        dueAt INTEGER,
        attempts INTEGER NOT NULL,
        error TEXT
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS jobsByTime ON jobs (dueAt) WHERE dueAt IS NOT NULL;
    CREATE TABLE IF NOT EXISTS runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        runId TEXT NOT NULL,
        job TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        at INTEGER NOT NULL,
        ok INTEGER NOT NULL,
        error TEXT
    );
    CREATE INDEX IF NOT EXISTS runsByJob ON runs (job, id);
    CREATE TABLE IF NOT EXISTS revisions (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL)`;

export class Scheduler extends DurableObject<Env> {
    private readonly sql: SqlStorage;

    constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env);
        this.sql = ctx.storage.sql;
        this.sql.exec(SCHEMA);
    }

    async plan(name: string, { cron, at, inbox, payload, attemptsMax }: Plan): Promise<object> {
        /* Never reused, so that a job that was deleted and made again is a different one. */
        const { revision } = this.sql
            .exec<{ revision: number }>(
                `INSERT INTO revisions VALUES (1, 1)
                 ON CONFLICT (one) DO UPDATE SET last = last + 1 RETURNING last AS revision`,
            )
            .one();
        this.sql.exec(
            "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?, 0, NULL)",
            name, revision, cron, at, inbox, payload, attemptsMax, at, at,
        );
        await this.arm();
        return this.show(name) as object;
    }

    async cancel(name: string): Promise<boolean> {
        const { rowsWritten } = this.sql.exec("DELETE FROM jobs WHERE name = ?", name);
        await this.arm();
        return rowsWritten > 0;
    }

    async job(name: string): Promise<object | null> {
        return this.show(name);
    }

    async list(): Promise<{ jobs: object[] }> {
        const rows = this.sql.exec<Job>("SELECT * FROM jobs ORDER BY dueAt IS NULL, dueAt, name").toArray();
        return { jobs: rows.map(shown) };
    }

    async history(job: string | null): Promise<{ runs: object[] }> {
        const runs =
            job === null
                ? this.sql.exec<Run>("SELECT * FROM runs ORDER BY id DESC LIMIT 100").toArray()
                : this.sql.exec<Run>("SELECT * FROM runs WHERE job = ? ORDER BY id DESC LIMIT 100", job).toArray();
        return { runs: runs.map((run) => ({ ...run, ok: run.ok === 1 })) };
    }

    async alarm(): Promise<void> {
        await this.ctx.storage.setAlarm(Date.now() + WATCHDOG_MS);
        const due = this.sql
            .exec<Job>("SELECT * FROM jobs WHERE dueAt <= ? ORDER BY dueAt LIMIT ?", Date.now(), CONCURRENCY)
            .toArray();
        await Promise.all(due.map((job) => this.run(job)));
        /* If there were more, the alarm comes again at once, and requests get a turn in between. */
        await this.arm();
    }

    private async run(job: Job): Promise<void> {
        const runId = `${job.name}/${job.revision}/${job.plannedAt}`;
        const attempt = job.attempts + 1;
        let error: string | null = null;
        try {
            const inbox = this.env.INBOXES.getByName(job.inbox);
            await inbox.deliver({ runId, job: job.name, payload: job.payload, attempt });
        } catch (fault) {
            error = String(fault instanceof Error ? fault.message : fault).slice(0, ERROR_LENGTH_MAX);
        }
        this.ctx.storage.transactionSync(() => this.finish(job, runId, attempt, error));
    }

    /* The run and what follows from it, both or neither. The job may have been changed or cancelled
     * while it ran: the revision tells, and then it is left alone. */
    private finish(job: Job, runId: string, attempt: number, error: string | null): void {
        const now = Date.now();
        this.sql.exec(
            "INSERT INTO runs (runId, job, attempt, at, ok, error) VALUES (?, ?, ?, ?, ?, ?)",
            runId, job.name, attempt, now, error === null ? 1 : 0, error,
        );
        this.sql.exec("DELETE FROM runs WHERE id <= (SELECT max(id) FROM runs) - ?", this.env.HISTORY_MAX);

        if (error !== null && attempt < job.attemptsMax)
            return this.update(job, "waiting", job.plannedAt, now + this.backoff(attempt), attempt, error);
        const next = job.cron === null ? null : nextAfter(parseCron(job.cron), Math.max(now, job.plannedAt));
        if (next !== null) return this.update(job, "waiting", next, next, 0, error);
        this.update(job, error === null ? "done" : "failed", job.plannedAt, null, attempt, error);
    }

    private update(job: Job, state: State, plannedAt: number, dueAt: number | null, attempts: number, error: string | null): void {
        this.sql.exec(
            `UPDATE jobs SET state = ?, plannedAt = ?, dueAt = ?, attempts = ?, error = ?
             WHERE name = ? AND revision = ?`,
            state, plannedAt, dueAt, attempts, error, job.name, job.revision,
        );
    }

    private backoff(attempt: number): number {
        const wait = Math.min(this.env.BACKOFF_MS * 2 ** (attempt - 1), BACKOFF_MS_MAX);
        return Math.round(wait * (1 + JITTER * Math.random()));
    }

    private async arm(): Promise<void> {
        const { first } = this.sql.exec<{ first: number | null }>("SELECT min(dueAt) AS first FROM jobs").one();
        if (first === null) await this.ctx.storage.deleteAlarm();
        else await this.ctx.storage.setAlarm(first);
    }

    private show(name: string): object | null {
        const [row] = this.sql.exec<Job>("SELECT * FROM jobs WHERE name = ?", name).toArray();
        return row === undefined ? null : shown(row);
    }
}

function shown({ name, state, cron, inbox, payload, plannedAt, dueAt, attempts, attemptsMax, error }: Job): object {
    return { name, state, cron, inbox, payload: JSON.parse(payload), plannedAt, dueAt, attempts, attemptsMax, error };
}
