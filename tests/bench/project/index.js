/* What is measured: as little work as possible of each kind. */

import { DurableObject } from "cloudflare:workers";

export class Bench extends DurableObject {
    async fetch(request) {
        const [, kind] = new URL(request.url).pathname.split("/");
        switch (kind) {
            case "object":
                return new Response("ok");
            case "insert":
                this.table ??= this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, text TEXT)");
                this.ctx.storage.sql.exec("INSERT INTO rows (text) VALUES (?)", "a row of a durable object");
                return new Response("ok");
            default: {
                const { 0: client, 1: server } = new WebSocketPair();
                this.ctx.acceptWebSocket(server, [kind]);
                return new Response(null, { status: 101, webSocket: client });
            }
        }
    }

    webSocketMessage(ws, message) {
        if (this.ctx.getTags(ws)[0] === "echo") ws.send(message);
        else for (const other of this.ctx.getWebSockets()) other.send(message);
    }

    webSocketClose() {}
}

export default {
    fetch(request, env) {
        const [, kind, name] = new URL(request.url).pathname.split("/");
        if (kind === "worker") return new Response("ok");
        return env.OBJECTS.getByName(name).fetch(request);
    },
};
