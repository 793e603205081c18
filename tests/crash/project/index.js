/* A log writes down every numbered message of its clients, in a table and in a counter, and says so. */

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

/* Rings once for each number that it was asked to: the handler writes the number down. */
export class Clock extends DurableObject {
    constructor(ctx, env) {
        super(ctx, env);
        ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS rung (id INTEGER PRIMARY KEY, number INTEGER)");
    }

    async fetch(request) {
        const [, , what, number, delay] = new URL(request.url).pathname.split("/");
        if (what === "set") {
            this.ctx.storage.kv.put("next", Number(number));
            await this.ctx.storage.setAlarm(Date.now() + Number(delay));
        }
        const rung = [...this.ctx.storage.sql.exec("SELECT number FROM rung ORDER BY id").raw()].flat();
        return Response.json({ rung, next: this.ctx.storage.kv.get("next") ?? 0, alarm: await this.ctx.storage.getAlarm() });
    }

    alarm() {
        this.ctx.storage.sql.exec("INSERT INTO rung (number) VALUES (?)", this.ctx.storage.kv.get("next"));
    }
}

export default {
    fetch(request, env) {
        const name = new URL(request.url).pathname.split("/")[1];
        const objects = name.startsWith("clock-") ? env.CLOCKS : env.LOGS;
        return objects.getByName(name).fetch(request);
    },
};
