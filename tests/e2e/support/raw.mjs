/*
 * HTTP by hand
 *
 * Clients repair what they send and hide what they receive. A RawConnection sends exactly the bytes it is given and shows exactly
 * what came back.
 */

import net from "node:net";

import { until } from "./target.mjs";

export class RawConnection {
    static async open(port) {
        const connection = new RawConnection();
        connection.received = Buffer.alloc(0);
        connection.closed = false;
        connection.socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
        connection.socket.on("data", (data) => (connection.received = Buffer.concat([connection.received, data])));
        connection.socket.on("end", () => (connection.closed = true));
        connection.socket.on("close", () => (connection.closed = true));
        connection.socket.on("error", () => (connection.closed = true));
        await new Promise((resolve) => connection.socket.once("connect", resolve));
        return connection;
    }

    write(data) {
        this.socket.write(typeof data === "string" ? Buffer.from(data, "latin1") : data);
        return this;
    }

    /* Take what matches off the front of what was received. */
    async take(length) {
        await until(() => this.received.length >= length || this.closed, { what: `${length} bytes` });
        if (this.received.length < length) throw new Error(`closed after ${JSON.stringify(this.received.toString("latin1"))}`);
        const part = this.received.subarray(0, length);
        this.received = this.received.subarray(length);
        return part;
    }

    async takeLine() {
        await until(() => this.received.includes("\r\n") || this.closed, { what: "a line" });
        const end = this.received.indexOf("\r\n");
        if (end < 0) throw new Error(`closed after ${JSON.stringify(this.received.toString("latin1"))}`);
        const line = this.received.toString("latin1", 0, end);
        this.received = this.received.subarray(end + 2);
        return line;
    }

    async head() {
        const [version, status, ...reason] = (await this.takeLine()).split(" ");
        const headers = [];
        for (let line = await this.takeLine(); line !== ""; line = await this.takeLine()) {
            const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line);
            headers.push([name, value]);
        }
        const all = (wanted) => headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
        return { version, status: Number(status), reason: reason.join(" "), headers, all, get: (name) => all(name)[0] ?? null };
    }

    /* One whole response; `chunks` are as the server cut them. */
    async response({ bodyless = false } = {}) {
        const head = await this.head();
        const none = bodyless || head.status < 200 || head.status === 204 || head.status === 304;
        const chunks = [];
        if (!none && /chunked/i.test(head.get("transfer-encoding") ?? "")) {
            for (;;) {
                const length = parseInt(await this.takeLine(), 16);
                if (length > 0) chunks.push((await this.take(length)).toString("latin1"));
                if ((await this.takeLine()) !== "") throw new Error("a chunk did not end where it said");
                if (length === 0) break;
            }
        } else if (!none && head.get("content-length") !== null) {
            chunks.push((await this.take(Number(head.get("content-length")))).toString("latin1"));
        }
        return { ...head, chunks, body: chunks.join("") };
    }

    async isClosed(ms = 15_000) {
        await until(() => this.closed, { ms, what: "the server to close" }).catch(() => {});
        return this.closed;
    }

    destroy() {
        this.socket.destroy();
    }
}

/* Send one request, return its response, and whether the connection was closed after it. */
export async function exchange(port, text, { bodyless = false } = {}) {
    const connection = await RawConnection.open(port);
    try {
        const response = await connection.write(text).response({ bodyless });
        response.closed = await connection.isClosed(response.get("connection") === "close" ? 15_000 : 100);
        return response;
    } finally {
        connection.destroy();
    }
}
