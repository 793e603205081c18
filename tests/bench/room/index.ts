/* A room: every message is stored, and durable before anybody sees it. */

import { DurableObject } from "cloudflare:workers";

interface Env {
    ROOM: DurableObjectNamespace<Room>;
}

export class Room extends DurableObject<Env> {
    constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env);
        ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, text TEXT)");
    }
    fetch(): Response {
        const { 0: client, 1: server } = new WebSocketPair();
        this.ctx.acceptWebSocket(server);
        return new Response(null, { status: 101, webSocket: client });
    }
    webSocketMessage(_: WebSocket, text: string): void {
        this.ctx.storage.sql.exec("INSERT INTO message (text) VALUES (?)", text);
        for (const member of this.ctx.getWebSockets()) member.send(text);
    }
    webSocketClose(): void {}
}

export default {
    fetch: (request, env) => env.ROOM.getByName(new URL(request.url).pathname).fetch(request),
} satisfies ExportedHandler<Env>;
