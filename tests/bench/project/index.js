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
            case "fill":
                this.table ??= this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS filled (id INTEGER PRIMARY KEY, data BLOB)");
                this.ctx.storage.sql.exec("INSERT OR REPLACE INTO filled VALUES (abs(random()) % 500, randomblob(2000))");
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
            case "rows":
                return new Response(this.rows());
            case "report":
                return new Response(this.report());
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

    /* A thousand rows that are read again and again. */
    fillEvents() {
        const { sql } = this.ctx.storage;
        sql.exec(`CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, at INTEGER, kind TEXT, score REAL, note TEXT);
            CREATE INDEX IF NOT EXISTS events_by_kind ON events (kind, at)`);
        for (let i = 0; i < 1000; i++)
            sql.exec("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)",
                i, 1700000000000 + i * 1000, `kind ${i % 20}`, i / 7, i % 5 ? `what was noted about number ${i}` : null);
        return true;
    }

    /* All of them, as a list. */
    rows() {
        this.filled ??= this.fillEvents();
        const found = this.ctx.storage.sql.exec("SELECT id, at, kind, score, note FROM events ORDER BY id").toArray();
        let sum = 0;
        for (const row of found) sum += row.at % 7 + (row.note?.length ?? 0);
        return `${found.length} ${sum}`;
    }

    /* Questions that an index answers, one after the other. */
    report() {
        this.filled ??= this.fillEvents();
        const { sql } = this.ctx.storage;
        let text = "";
        for (let i = 0; i < 20; i++) {
            const { n, best } = sql.exec("SELECT count(*) AS n, max(score) AS best FROM events WHERE kind = ? AND at > ?", `kind ${i}`, 1700000000000).one();
            text += `${n} ${Math.floor(best)} `;
            for (const { id } of sql.exec("SELECT id FROM events WHERE kind = ? ORDER BY at DESC LIMIT 5", `kind ${i}`)) text += `${id},`;
        }
        return text;
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
