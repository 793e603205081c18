/* An object writes down every numbered message of its clients, in a table and in a counter, and says so. */

import { DurableObject } from "cloudflare:workers";

export class Log extends DurableObject {
    constructor(ctx, env) {
        super(ctx, env);
        ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, client TEXT, number INTEGER)");
    }

    write(client, number) {
        const { sql, kv } = this.ctx.storage;
        sql.exec("INSERT INTO messages (client, number) VALUES (?, ?)", client, number);
        kv.put("count", (kv.get("count") ?? 0) + 1);
    }

    fetch(request) {
        const url = new URL(request.url);
        const [, , what, client, number] = url.pathname.split("/");
        if (what === "all") {
            const rows = [...this.ctx.storage.sql.exec("SELECT client, number FROM messages ORDER BY id").raw()];
            return Response.json({ rows, count: this.ctx.storage.kv.get("count") ?? 0 });
        }
        if (what === "write") {
            this.write(client, Number(number));
            return new Response(`ack ${number}`);
        }
        const { 0: end, 1: server } = new WebSocketPair();
        this.ctx.acceptWebSocket(server);
        server.serializeAttachment(client);
        return new Response(null, { status: 101, webSocket: end });
    }

    webSocketMessage(ws, number) {
        this.write(ws.deserializeAttachment(), Number(number));
        ws.send(`ack ${number}`);
    }

    webSocketClose() {}
}

export default {
    fetch(request, env) {
        return env.LOGS.getByName(new URL(request.url).pathname.split("/")[1]).fetch(request);
    },
};
