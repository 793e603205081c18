/*
 * The clients of the crash test, and what they know
 *
 * Each sends the numbers 1, 2, 3, … to its object and remembers the last one that was acknowledged and the last one it
 * sent. A client works until its connection breaks, and goes on from what the object has. An alarm client has its object
 * ring for each number and sends the next one when it has seen that.
 */

import http from "node:http";

import WebSocket from "ws";

const UNDER_WAY_MAX = 4;

class Client {
    constructor(name, object) {
        this.name = name;
        this.object = object;
        this.sent = 0;
        this.acknowledged = 0;
    }

    acknowledge(text) {
        const number = Number(/^ack (\d+)$/.exec(text)?.[1]);
        if (number !== this.acknowledged + 1) throw new Error(`${this.name}: "${text}" came after ack ${this.acknowledged}`);
        this.acknowledged = number;
    }

    /* What the object has is what counts from now on. */
    goOnFrom(number) {
        this.sent = this.acknowledged = number;
    }
}

/* One message under way at a time, on a kept connection. */
export class HttpClient extends Client {
    work(port) {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        return new Promise((resolve) => {
            const next = () => {
                const number = ++this.sent;
                const where = { host: "127.0.0.1", port, agent, path: `/${this.object}/write/${this.name}/${number}` };
                const request = http.get(where, (response) => {
                    let text = "";
                    response.on("data", (data) => (text += data));
                    response.on("error", resolve);
                    response.on("end", () => {
                        if (response.statusCode !== 200) return resolve();
                        this.acknowledge(text);
                        next();
                    });
                });
                request.on("error", resolve);
            };
            next();
        }).finally(() => agent.destroy());
    }
}

/* Several messages under way on one socket. */
export class SocketClient extends Client {
    work(port) {
        return new Promise((resolve) => {
            const socket = new WebSocket(`ws://127.0.0.1:${port}/${this.object}/socket/${this.name}`, { perMessageDeflate: false });
            const next = () => {
                while (this.sent - this.acknowledged < UNDER_WAY_MAX) socket.send(String(++this.sent));
            };
            socket.on("open", next);
            socket.on("message", (data) => {
                this.acknowledge(data.toString());
                next();
            });
            socket.on("close", resolve);
            socket.on("error", () => {});
        });
    }
}

const RING_MS = [0, 120];
const LOOK_EVERY_MS = 15;

/* Sets alarms, one after the other. */
export class AlarmClient extends Client {
    constructor(name) {
        super(name, name);
        this.seen = 0; /* the last number that was seen to have rung */
    }

    async work(port) {
        const ask = async (where) => {
            const response = await fetch(`http://127.0.0.1:${port}/${this.object}/${where}`);
            if (!response.ok) throw new Error(`status ${response.status}`);
            return response.json();
        };
        const [least, most] = RING_MS;
        try {
            for (;;) {
                if (this.seen === this.acknowledged) {
                    const delay = Math.round(least + Math.random() * (most - least));
                    await ask(`set/${++this.sent}/${delay}`);
                    this.acknowledged = this.sent;
                }
                await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
                this.seen = (await ask("look")).rung.at(-1) ?? 0;
            }
        } catch {
            /* the server is gone */
        }
    }
}
