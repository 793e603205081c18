/*
 * An account: one object per name
 *
 * It knows the password's hash and the hashes of the tokens of those who are signed in; neither can
 * be read back from a stolen disk. Being one object, it settles by itself who was first to take
 * a name, and slows down whoever guesses passwords.
 */

import { DurableObject } from "cloudflare:workers";

const ITERATIONS = 100_000;
const SESSION_MS = 30 * 24 * 3600 * 1000;
const SESSIONS_MAX = 20;
const ATTEMPTS_MAX = 10;
const ATTEMPTS_MS = 60_000;

type Row = { name: string; salt: ArrayBuffer; hash: ArrayBuffer; attempts: number; attemptsSince: number };

const encode = (text: string) => new TextEncoder().encode(text);

function base64url(bytes: Uint8Array): string {
    const text = btoa(String.fromCharCode(...bytes));
    return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

async function hashPassword(password: string, salt: BufferSource): Promise<ArrayBuffer> {
    const key = await crypto.subtle.importKey("raw", encode(password), "PBKDF2", false, ["deriveBits"]);
    return crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: ITERATIONS }, key, 256);
}

async function hashToken(token: string): Promise<string> {
    return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", encode(token))));
}

/* In the same time whatever differs. */
function isEqual(a: ArrayBuffer, b: ArrayBuffer): boolean {
    const [left, right] = [new Uint8Array(a), new Uint8Array(b)];
    let difference = left.length ^ right.length;
    for (const [i, byte] of left.entries()) difference |= byte ^ (right[i] ?? 0);
    return difference === 0;
}

export class Account extends DurableObject {
    private readonly sql: SqlStorage;

    constructor(ctx: DurableObjectState, env: unknown) {
        super(ctx, env as never);
        this.sql = ctx.storage.sql;
        this.sql.exec(`
            CREATE TABLE IF NOT EXISTS account (
                one INTEGER PRIMARY KEY CHECK (one = 1),
                name TEXT NOT NULL,
                salt BLOB NOT NULL,
                hash BLOB NOT NULL,
                attempts INTEGER NOT NULL DEFAULT 0,
                attemptsSince INTEGER NOT NULL DEFAULT 0
            );
            CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, expiresAt INTEGER NOT NULL) WITHOUT ROWID`);
    }

    /* A token, or null if the name is taken. */
    async register(name: string, password: string): Promise<string | null> {
        if (this.account() !== null) return null;
        const salt = crypto.getRandomValues(new Uint8Array(16));
        const hash = await hashPassword(password, salt);
        /* Somebody else may have come while the hash was made: the row decides. */
        const { rowsWritten } = this.sql.exec(
            "INSERT INTO account (one, name, salt, hash) VALUES (1, ?, ?, ?) ON CONFLICT DO NOTHING",
            name, salt, hash,
        );
        return rowsWritten === 0 ? null : this.startSession();
    }

    async login(password: string): Promise<{ name: string; token: string } | "slow down" | null> {
        const account = this.account();
        if (account === null) return null;
        if (!this.mayAttempt(account)) return "slow down";
        const hash = await hashPassword(password, account.salt);
        if (!isEqual(hash, account.hash)) return null;
        this.sql.exec("UPDATE account SET attempts = 0");
        return { name: account.name, token: await this.startSession() };
    }

    async logout(token: string): Promise<void> {
        this.sql.exec("DELETE FROM sessions WHERE token = ?", await hashToken(token));
    }

    /* The account's name, if the token is one of its own. */
    async nameOf(token: string): Promise<string | null> {
        const hash = await hashToken(token);
        const found = this.sql
            .exec("SELECT 1 FROM sessions WHERE token = ? AND expiresAt > ?", hash, Date.now())
            .toArray();
        return found.length > 0 ? (this.account()?.name ?? null) : null;
    }

    private account(): Row | null {
        return this.sql.exec<Row>("SELECT * FROM account").toArray()[0] ?? null;
    }

    private mayAttempt({ attempts, attemptsSince }: Row): boolean {
        const now = Date.now();
        if (now - attemptsSince >= ATTEMPTS_MS)
            this.sql.exec("UPDATE account SET attempts = 1, attemptsSince = ?", now);
        else if (attempts >= ATTEMPTS_MAX) return false;
        else this.sql.exec("UPDATE account SET attempts = attempts + 1");
        return true;
    }

    private async startSession(): Promise<string> {
        const token = base64url(crypto.getRandomValues(new Uint8Array(32)));
        const now = Date.now();
        this.sql.exec("INSERT INTO sessions VALUES (?, ?)", await hashToken(token), now + SESSION_MS);
        this.sql.exec(
            `DELETE FROM sessions WHERE expiresAt <= ? OR token NOT IN
                (SELECT token FROM sessions ORDER BY expiresAt DESC LIMIT ?)`,
            now, SESSIONS_MAX,
        );
        return token;
    }
}
