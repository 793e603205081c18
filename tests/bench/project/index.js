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
            case "read":
                return new Response(this.ctx.storage.sql.exec("SELECT text FROM rows WHERE id = ?", 1).one().text);
            case "put":
                this.puts = (this.puts ?? 0) + 1;
                await this.ctx.storage.put("key", `value ${this.puts} of a durable object`);
                return new Response("ok");
            case "get":
                return new Response(await this.ctx.storage.get("key"));
            case "heavy":
                return new Response(this.heavy());
            default: {
                const { 0: client, 1: server } = new WebSocketPair();
                this.ctx.acceptWebSocket(server, [kind]);
                return new Response(null, { status: 101, webSocket: client });
            }
        }
    }

    /* What a page with a scoreboard asks of its object. */
    heavy() {
        const { sql } = this.ctx.storage;
        let points = 0;
        this.scores ??= sql.exec("CREATE TABLE IF NOT EXISTS scores (id INTEGER PRIMARY KEY, team TEXT, points INTEGER)");
        for (let i = 0; i < 200; i++)
            sql.exec("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", i, `team ${i % 10}`, (i * 7) % 100);
        for (let i = 0; i < 200; i++) points += sql.exec("SELECT points FROM scores WHERE id = ?", i).one().points;
        const teams = sql.exec("SELECT team, count(*) AS n, sum(points) AS points FROM scores GROUP BY team ORDER BY points DESC").toArray();
        return `${points} ${teams.length}`;
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
