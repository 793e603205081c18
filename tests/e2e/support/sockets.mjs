/*
 * WebSocket clients
 *
 * connect() opens one and collects what happens to it in order: messages as strings or Buffers, pongs, and how it closed. frame()
 * makes frames by hand, right and wrong ones.
 */

import WebSocket from "ws";

import { RawConnection } from "./raw.mjs";
import { until } from "./target.mjs";

export async function connect(target, where, { protocols = [], headers = {}, compress = false } = {}) {
    const socket = new WebSocket(target.socketOrigin + where, protocols, { headers, perMessageDeflate: compress });
    const client = { socket, messages: [], pongs: [], closed: null, handshake: null };
    socket.on("upgrade", (response) => (client.handshake = response));
    socket.on("message", (data, isBinary) => client.messages.push(isBinary ? data : data.toString()));
    socket.on("pong", (data) => client.pongs.push(data.toString()));
    socket.on("close", (code, reason) => (client.closed = { code, reason: reason.toString() }));
    socket.on("error", () => {});

    client.send = (data) => socket.send(data);
    client.close = (code, reason) => socket.close(code, reason);
    client.cut = () => socket.terminate();
    client.next = async () => {
        await until(() => client.messages.length > 0 || client.closed, { what: `a message on ${where}` });
        if (client.messages.length === 0) throw new Error(`closed with ${JSON.stringify(client.closed)}, no message came`);
        return client.messages.shift();
    };
    client.nextJson = async () => JSON.parse(await client.next());
    client.whenClosed = (ms = 15_000) => until(() => client.closed, { ms, what: `${where} to close` });

    await new Promise((resolve, reject) => {
        socket.once("open", resolve);
        socket.once("error", reject);
        socket.once("unexpected-response", (request, response) => reject(new Error(`answered ${response.statusCode}`)));
    });
    return client;
}

/* A WebSocket whose frames are written by hand. */
export async function connectRaw(target, where) {
    const connection = await RawConnection.open(target.port);
    connection.write(
        `GET ${where} HTTP/1.1\r\nHost: example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    connection.handshake = await connection.head();
    connection.frame = async () => {
        const [first, second] = await connection.take(2);
        let length = second & 127;
        if (length === 126) length = (await connection.take(2)).readUInt16BE();
        else if (length === 127) length = Number((await connection.take(8)).readBigUInt64BE());
        return { fin: first >= 128, opcode: first & 15, masked: second >= 128, payload: await connection.take(length) };
    };
    return connection;
}

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

export function frame(opcode, payload = "", { fin = true, mask = true, reserved = 0 } = {}) {
    let body = Buffer.from(payload);
    const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
    if (body.length < 126) head.push(body.length);
    else if (body.length < 65536) head.push(126, body.length >> 8, body.length & 255);
    else throw new Error("frame() makes short frames");
    if (mask) {
        const key = [0x12, 0x34, 0x56, 0x78];
        head[1] |= 0x80;
        head.push(...key);
        body = body.map((byte, i) => byte ^ key[i % 4]);
    }
    return Buffer.concat([Buffer.from(head), body]);
}

export function closePayload(code, reason = "") {
    return Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
}
