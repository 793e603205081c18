/*
 * Many timers on one alarm
 *
 * An object has one alarm, and setting it replaces the one before: two parts of an object that each
 * call setAlarm() silence each other (pitfall 6). So the timers are rows, and the alarm is always
 * set to the first of them.
 */

export class Timers {
    constructor(private readonly storage: DurableObjectStorage) {}

    prepare(): void {
        this.storage.sql.exec(
            "CREATE TABLE IF NOT EXISTS timers (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
        );
    }

    set(name: string, at: number): void {
        this.storage.sql.exec("INSERT OR REPLACE INTO timers VALUES (?, ?)", name, at);
    }

    setIfUnset(name: string, at: number): void {
        this.storage.sql.exec("INSERT OR IGNORE INTO timers VALUES (?, ?)", name, at);
    }

    /* The names of those whose time has come; they are unset. */
    takeDue(now: number): string[] {
        return this.storage.sql
            .exec<{ name: string }>("DELETE FROM timers WHERE at <= ? RETURNING name", now)
            .toArray()
            .map(({ name }) => name);
    }

    async arm(): Promise<void> {
        const { first } = this.storage.sql.exec<{ first: number | null }>("SELECT min(at) AS first FROM timers").one();
        if (first === null) return this.storage.deleteAlarm();
        if ((await this.storage.getAlarm()) !== first) await this.storage.setAlarm(first);
    }
}
