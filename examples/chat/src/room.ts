/*
 * A chat room: one object
 *
 * It talks to its visitors through hibernating WebSockets: while nobody speaks, the object leaves
 * memory and the sockets stay open. So what it must know about a socket is in the socket's
 * attachment, rate limit included, and what it must know about the room is in storage.
 *
 * Who is here is known from the sockets. `p:<user>` notes who was announced, because sockets that
 * are lost with the machine say no goodbye: the alarm finds who is announced and not here.
 */

import { DurableObject } from "cloudflare:workers";

import type { Env } from "./index";
import { KEY, Messages, type Message } from "./messages";
import { BadText, parse, PING, PONG, ProtocolError, type Say } from "./protocol";

const PAGE_MAX = 100;
const CATCH_UP_MAX = 500;
const RATE_MAX = 20;
const RATE_MS = 5000;
/* Who goes on after that many refusals in a row is not a person who types fast. */
const REFUSALS_MAX = 20;

/* The attachment: who it is, and when they last spoke. At most 20 numbers, well below 16 KiB. */
type Visitor = { user: string; name: string; said: number[]; refusals: number };

export class ChatRoom extends DurableObject<Env> {
    private readonly messages: Messages;

    constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env);
        this.messages = new Messages(ctx.storage.kv);
        ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    }

    /* The Worker has seen to it that X-User-* are true. */
    async fetch(request: Request): Promise<Response> {
        const url = new URL(request.url);
        const user = request.headers.get("X-User-Id");
        const name = request.headers.get("X-User-Name");
        if (user === null || name === null) return Response.json({ error: "Sign in first" }, { status: 401 });
        if (url.pathname === "/api/chat/messages") return this.history(url.searchParams);

        const after = url.searchParams.get("after");
        if (after !== null && !KEY.test(after)) return Response.json({ error: "Invalid key" }, { status: 400 });
        const { 0: client, 1: server } = new WebSocketPair();
        await this.enter(server, { user, name, said: [], refusals: 0 }, after);
        return new Response(null, { status: 101, webSocket: client });
    }

    async webSocketMessage(ws: WebSocket, data: string | ArrayBuffer): Promise<void> {
        const visitor = visitorOf(ws);
        if (visitor === null) return;
        try {
            const said = parse(data);
            if (this.maySpeak(ws, visitor, said.id)) await this.say(ws, visitor, said);
        } catch (error) {
            if (error instanceof BadText) send(ws, { type: "error", code: "text", id: error.id, text: error.message });
            else if (error instanceof ProtocolError) ws.close(error.code, error.message);
            else throw error;
        }
    }

    async webSocketClose(ws: WebSocket, code: number): Promise<void> {
        ws.close(code === 1005 || code === 1006 ? 1000 : code);
        await this.leave(ws);
    }

    async webSocketError(ws: WebSocket): Promise<void> {
        await this.leave(ws);
    }

    /* All that nobody should wait for: pruning, and goodbyes for those who were cut off. */
    async alarm(): Promise<void> {
        const here = new Set(this.visitors().map(({ user }) => user));
        let isChanged = false;
        for (const [key, name] of [...this.ctx.storage.kv.list<string>({ prefix: "p:" })]) {
            if (here.has(key.slice(2))) continue;
            this.ctx.storage.kv.delete(key);
            this.broadcast(this.messages.add({ type: "system", event: "left", name }));
            isChanged = true;
        }
        if (isChanged) this.tellCount();
        if (this.messages.prune(this.env.HISTORY_MAX)) await this.ctx.storage.setAlarm(Date.now() + 1000);
        else if (here.size > 0) await this.tidyLater();
    }

    private history(query: URLSearchParams): Response {
        const before = query.get("before");
        const limit = Number(query.get("limit") ?? 50);
        if (before !== null && !KEY.test(before)) return Response.json({ error: "Invalid key" }, { status: 400 });
        if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX)
            return Response.json({ error: `limit must be from 1 to ${PAGE_MAX}` }, { status: 400 });
        /* One more than asked for tells whether there is more. */
        const found = this.messages.before(before, limit + 1);
        const messages = found.slice(-limit);
        return Response.json({ messages, isComplete: found.length <= limit }, { headers: { "Cache-Control": "no-store" } });
    }

    private async enter(ws: WebSocket, visitor: Visitor, after: string | null): Promise<void> {
        this.ctx.acceptWebSocket(ws, [visitor.user]);
        ws.serializeAttachment(visitor);
        await this.tidyLater();

        /* Who was cut off a moment ago is announced already. */
        const kv = this.ctx.storage.kv;
        if (kv.get(`p:${visitor.user}`) === undefined) {
            kv.put(`p:${visitor.user}`, visitor.name);
            const joined = this.messages.add({ type: "system", event: "joined", name: visitor.name });
            this.broadcast(joined, ws);
        }
        const missed = after === null ? [] : this.messages.after(after, CATCH_UP_MAX + 1);
        const isComplete = after !== null && missed.length <= CATCH_UP_MAX;
        const messages = isComplete ? missed : this.messages.before(null, PAGE_MAX);
        send(ws, { type: "welcome", name: visitor.name, ...this.count(), messages, isComplete });
        this.tellCount(ws);
    }

    private async say(ws: WebSocket, { user, name }: Visitor, { id, text }: Say): Promise<void> {
        const message = this.messages.addOnce(user, { type: "message", name, text, id });
        if (message !== null) {
            this.broadcast(message);
            return this.tidyLater();
        }
        /* Said before the connection broke; only the sender does not know yet. */
        const known = this.messages.known(user, id);
        if (known !== null) send(ws, known);
    }

    /* The last tab of somebody was closed. */
    private async leave(ws: WebSocket): Promise<void> {
        const visitor = visitorOf(ws);
        if (visitor === null) return;
        ws.serializeAttachment(null);
        if (this.visitors().some(({ user }) => user === visitor.user)) return;
        if (this.ctx.storage.kv.delete(`p:${visitor.user}`))
            this.broadcast(this.messages.add({ type: "system", event: "left", name: visitor.name }));
        this.tellCount();
        await this.tidyLater();
    }

    /* A sliding window, kept in the attachment: an object that has slept has not forgotten. */
    private maySpeak(ws: WebSocket, visitor: Visitor, id: string): boolean {
        const now = Date.now();
        const said = visitor.said.filter((at) => at > now - RATE_MS);
        const allowed = said.length < RATE_MAX;
        if (allowed) said.push(now);
        const refusals = allowed ? 0 : visitor.refusals + 1;
        ws.serializeAttachment({ ...visitor, said, refusals } satisfies Visitor);
        if (refusals > REFUSALS_MAX) ws.close(1008, "Too many messages");
        else if (!allowed) {
            const retryMs = (said[0] ?? now) + RATE_MS - now;
            send(ws, { type: "error", code: "rate", id, text: "Too many messages, wait a moment", retryMs });
        }
        return allowed;
    }

    private visitors(): Visitor[] {
        return this.ctx.getWebSockets().flatMap((ws) => visitorOf(ws) ?? []);
    }

    /* Somebody with two tabs is here once. */
    private count(): { userCount: number; people: string[] } {
        const people = [...new Map(this.visitors().map(({ user, name }) => [user, name])).values()];
        return { userCount: people.length, people: people.sort((a, b) => a.localeCompare(b)) };
    }

    private tellCount(except?: WebSocket): void {
        this.broadcast({ type: "userCount", ...this.count() }, except);
    }

    private broadcast(message: Message | { type: "userCount" }, except?: WebSocket): void {
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

    private async tidyLater(): Promise<void> {
        if ((await this.ctx.storage.getAlarm()) === null)
            await this.ctx.storage.setAlarm(Date.now() + this.env.PRUNE_MS);
    }
}

function visitorOf(ws: WebSocket): Visitor | null {
    return ws.deserializeAttachment() as Visitor | null;
}

function send(ws: WebSocket, message: object): void {
    ws.send(JSON.stringify(message));
}
