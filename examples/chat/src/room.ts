/*
 * A chat room.
 *
 * One object per room. It keeps the last messages in its own SQLite database and talks to its
 * visitors through hibernating WebSockets: while nobody speaks, the object leaves memory and the
 * sockets stay open. Everything it must know about a socket is therefore in the socket's
 * attachment, and everything it must know about the room is in the database.
 *
 * What a visitor sends (one JSON object per message)       What the room sends
 *
 *     {type: "join", name, after?}                             welcome, then system to the others
 *     {type: "say", key, text}                                 message to everybody
 *     {type: "ping"}                                           pong, without waking the object
 *
 * `after` is the last message the visitor has seen, so that a reconnecting page receives only
 * what it missed. `key` is chosen by the visitor and stored: a message that is sent again
 * because its connection broke is not said twice.
 */

import { DurableObject } from "cloudflare:workers";

const HISTORY_SENT_MAX = 100;
const HISTORY_KEPT_MAX = 1000;
const NAME_LENGTH_MAX = 40;
const TEXT_LENGTH_MAX = 2000;
const KEY_LENGTH_MAX = 64;
const IDLE_MS = 30 * 60 * 1000;

interface Visitor {
    name: string;
}

type Message = { id: number; at: number; key: string; name: string; text: string };

type FromVisitor =
    | { type: "join"; name: string; after?: number }
    | { type: "say"; key: string; text: string };

type ToVisitor =
    | { type: "welcome"; name: string; people: string[]; history: Message[] }
    | ({ type: "message" } & Message)
    | { type: "system"; event: "joined" | "left"; name: string; people: string[]; at: number }
    | { type: "error"; text: string };

export class ChatRoom extends DurableObject {
    constructor(ctx: DurableObjectState, env: unknown) {
        super(ctx, env as never);
        ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('{"type":"ping"}', '{"type":"pong"}'));
    }

    /* Every visit begins here, so this is where the table is made: a room that was deleted while
     * its object was still in memory gets it back. */
    async fetch(request: Request): Promise<Response> {
        if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket")
            return new Response("A room speaks WebSocket.\n", { status: 426 });

        this.ctx.storage.sql.exec(
            `CREATE TABLE IF NOT EXISTS messages (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                at INTEGER NOT NULL,
                key TEXT NOT NULL UNIQUE,
                name TEXT NOT NULL,
                text TEXT NOT NULL)`,
        );
        const { 0: client, 1: server } = new WebSocketPair();
        this.ctx.acceptWebSocket(server);
        return new Response(null, { status: 101, webSocket: client });
    }

    async webSocketMessage(ws: WebSocket, data: string | ArrayBuffer): Promise<void> {
        const message = parse(data);
        if (message === null) return send(ws, { type: "error", text: "That was not understood." });

        if (message.type === "join") return this.join(ws, message.name, message.after ?? 0);
        const visitor = visitorOf(ws);
        if (visitor === null) return send(ws, { type: "error", text: "Join with a name first." });
        return this.say(ws, visitor, message.key, message.text);
    }

    async webSocketClose(ws: WebSocket, code: number): Promise<void> {
        ws.close(code === 1005 || code === 1006 ? 1000 : code);
        await this.leave(ws);
    }

    async webSocketError(ws: WebSocket): Promise<void> {
        await this.leave(ws);
    }

    /* A room where nobody is, and where nothing has happened for half an hour, is forgotten. */
    async alarm(): Promise<void> {
        if (this.ctx.getWebSockets().length > 0) return this.stayAwhile();
        await this.ctx.storage.deleteAll();
    }

    private async join(ws: WebSocket, name: string, after: number): Promise<void> {
        const isNew = !this.people().includes(name);
        ws.serializeAttachment({ name } satisfies Visitor);
        await this.stayAwhile();

        const people = this.people();
        send(ws, { type: "welcome", name, people, history: this.history(after) });
        if (isNew) this.broadcast({ type: "system", event: "joined", name, people, at: Date.now() }, ws);
    }

    private async say(ws: WebSocket, { name }: Visitor, key: string, text: string): Promise<void> {
        const sql = this.ctx.storage.sql;
        const [stored] = sql
            .exec<Message>(
                `INSERT INTO messages (at, key, name, text) VALUES (?, ?, ?, ?)
                 ON CONFLICT (key) DO NOTHING RETURNING id, at, key, name, text`,
                Date.now(), key, name, text,
            )
            .toArray();
        if (stored === undefined) {
            /* Said before the connection broke; only the sender does not know yet. */
            const [known] = sql.exec<Message>("SELECT id, at, key, name, text FROM messages WHERE key = ?", key).toArray();
            if (known !== undefined) send(ws, { type: "message", ...known });
            return;
        }
        sql.exec("DELETE FROM messages WHERE id <= ?", stored.id - HISTORY_KEPT_MAX);
        await this.stayAwhile();
        this.broadcast({ type: "message", ...stored });
    }

    private async leave(ws: WebSocket): Promise<void> {
        const visitor = visitorOf(ws);
        if (visitor === null) return;

        ws.serializeAttachment(null);
        await this.stayAwhile();
        const people = this.people();
        if (!people.includes(visitor.name))
            this.broadcast({ type: "system", event: "left", name: visitor.name, people, at: Date.now() }, ws);
    }

    /* The newest messages after `after`, oldest first. */
    private history(after: number): Message[] {
        return this.ctx.storage.sql
            .exec<Message>(
                "SELECT id, at, key, name, text FROM messages WHERE id > ? ORDER BY id DESC LIMIT ?",
                after, HISTORY_SENT_MAX,
            )
            .toArray()
            .reverse();
    }

    /* Who is here; somebody with two tabs is here once. */
    private people(): string[] {
        const names = new Set<string>();
        for (const ws of this.ctx.getWebSockets()) {
            const visitor = visitorOf(ws);
            if (visitor !== null) names.add(visitor.name);
        }
        return [...names].sort((a, b) => a.localeCompare(b));
    }

    /* To everybody who has joined, except for one. */
    private broadcast(message: ToVisitor, except?: WebSocket): void {
        const text = JSON.stringify(message);
        for (const ws of this.ctx.getWebSockets()) {
            if (ws === except || visitorOf(ws) === null) continue;
            try {
                ws.send(text);
            } catch {
                /* It is closing; its own event takes it off the list. */
            }
        }
    }

    private stayAwhile(): Promise<void> {
        return this.ctx.storage.setAlarm(Date.now() + IDLE_MS);
    }
}

function visitorOf(ws: WebSocket): Visitor | null {
    return ws.deserializeAttachment() as Visitor | null;
}

function send(ws: WebSocket, message: ToVisitor): void {
    ws.send(JSON.stringify(message));
}

/* What a visitor sent, or null if it is not something a visitor may send. */
function parse(data: string | ArrayBuffer): FromVisitor | null {
    let value: Record<string, unknown>;
    try {
        value = JSON.parse(data as string);
    } catch {
        return null;
    }
    if (typeof value !== "object" || value === null) return null;

    if (value.type === "join") {
        const name = cleanText(value.name, NAME_LENGTH_MAX);
        return name === null ? null : { type: "join", name, after: Number.isInteger(value.after) ? Number(value.after) : 0 };
    }
    if (value.type === "say") {
        const key = cleanText(value.key, KEY_LENGTH_MAX);
        const text = cleanText(value.text, TEXT_LENGTH_MAX);
        return key === null || text === null ? null : { type: "say", key, text };
    }
    return null;
}

function cleanText(value: unknown, lengthMax: number): string | null {
    if (typeof value !== "string") return null;
    const text = value.trim();
    return text.length > 0 && text.length <= lengthMax ? text : null;
}
