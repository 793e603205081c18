/*
 * The messages of a room
 *
 * Keys are `m:<20-digit ms>:<uuid>`: sorted as text they are sorted by time, and two of the same
 * millisecond do not collide. Times are made to rise within a room, so that the order of keys is
 * the order in which things were said, even when the clock is set back.
 *
 * What a client says bears an id of the client's choice. `i:<user>:<id>` remembers it, so that what
 * is said again after a broken connection is not said twice.
 */

export type Message =
    | { key: string; at: number; type: "message"; name: string; text: string; id: string }
    | { key: string; at: number; type: "system"; name: string; event: "joined" | "left" };

type Content<M> = M extends Message ? Omit<M, "key" | "at"> : never;

export const KEY = /^m:\d{20}:[0-9a-f-]{36}$/;

const PRUNE_BATCH = 128;

export class Messages {
    private lastAt: number | null = null;

    constructor(private readonly kv: SyncKvStorage) {}

    add(content: Content<Message>): Message {
        const at = this.nextTime();
        const key = `m:${String(at).padStart(20, "0")}:${crypto.randomUUID()}`;
        const message = { key, at, ...content } as Message;
        this.kv.put(key, message);
        return message;
    }

    /* Once, however often it is said; null if it is known already. */
    addOnce(user: string, content: Content<Extract<Message, { type: "message" }>>): Message | null {
        const index = `i:${user}:${content.id}`;
        if (this.kv.get(index) !== undefined) return null;
        const message = this.add(content);
        this.kv.put(index, message.key);
        return message;
    }

    known(user: string, id: string): Message | null {
        const key = this.kv.get<string>(`i:${user}:${id}`);
        return key === undefined ? null : (this.kv.get<Message>(key) ?? null);
    }

    /* The newest `limit` before `before`, oldest first. */
    before(before: string | null, limit: number): Message[] {
        const range = before === null ? {} : { end: before };
        const found = this.kv.list<Message>({ prefix: "m:", ...range, reverse: true, limit });
        return [...found].map(([, message]) => message).reverse();
    }

    /* The oldest `limit` after `after`. */
    after(after: string, limit: number): Message[] {
        return [...this.kv.list<Message>({ prefix: "m:", startAfter: after, limit })].map(([, message]) => message);
    }

    /* Keep the newest `kept`; a batch at a time. Returns whether there is more to do. */
    prune(kept: number): boolean {
        let count = 0;
        for (const _ of this.kv.list({ prefix: "m:" })) count++;
        const surplus = Math.min(count - kept, PRUNE_BATCH);
        if (surplus <= 0) return false;
        for (const [key, message] of [...this.kv.list<Message>({ prefix: "m:", limit: surplus })]) {
            this.kv.delete(key);
            if (message.type === "message") this.kv.delete(`i:${message.name.toLowerCase()}:${message.id}`);
        }
        return count - kept > surplus;
    }

    private nextTime(): number {
        if (this.lastAt === null) {
            const [newest] = [...this.kv.list<Message>({ prefix: "m:", reverse: true, limit: 1 })];
            this.lastAt = newest?.[1].at ?? 0;
        }
        this.lastAt = Math.max(Date.now(), this.lastAt + 1);
        return this.lastAt;
    }
}
