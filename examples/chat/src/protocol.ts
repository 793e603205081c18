/*
 * What is said on the socket, one JSON object per message
 *
 *     a client              {type: "say", id, text}           id is a UUID of the client's choice
 *                           ping                              answered with pong, waking nobody
 *
 *     the room              {type: "welcome", name, userCount, people, messages, isComplete}
 *                           {type: "message", key, at, name, text, id}
 *                           {type: "system", key, at, name, event: "joined" | "left"}
 *                           {type: "userCount", userCount, people}
 *                           {type: "error", code, text, id?, retryMs?}
 *
 * What breaks the protocol ends the connection: 1007 for what is not such an object, 1008 for one
 * that may not be sent, 1009 for what is too big. What a person can do wrong is an error.
 */

export const PING = "ping";
export const PONG = "pong";
export const TEXT_LENGTH_MAX = 2000;

const FRAME_LENGTH_MAX = 16 * 1024;
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export type Say = { id: string; text: string };

export class ProtocolError extends Error {
    constructor(
        readonly code: 1007 | 1008 | 1009,
        reason: string,
    ) {
        super(reason);
    }
}

/* What can be put right by writing something else. */
export class BadText extends Error {
    constructor(
        readonly id: string,
        message: string,
    ) {
        super(message);
    }
}

export function parse(data: string | ArrayBuffer): Say {
    if (typeof data !== "string") throw new ProtocolError(1007, "Expected text");
    if (data.length > FRAME_LENGTH_MAX) throw new ProtocolError(1009, "Message too big");
    let value: Record<string, unknown> | null;
    try {
        value = JSON.parse(data);
    } catch {
        throw new ProtocolError(1007, "Expected JSON");
    }
    if (typeof value !== "object" || value === null || Array.isArray(value))
        throw new ProtocolError(1007, "Expected a JSON object");
    if (value.type !== "say") throw new ProtocolError(1008, "Unknown type of message");
    if (typeof value.id !== "string" || !ID.test(value.id)) throw new ProtocolError(1008, "Invalid id");

    if (typeof value.text !== "string") throw new BadText(value.id, "The text must be a string");
    const text = value.text.trim();
    if (text === "") throw new BadText(value.id, "The text is empty");
    if (text.length > TEXT_LENGTH_MAX)
        throw new BadText(value.id, `The text is longer than ${TEXT_LENGTH_MAX} characters`);
    return { id: value.id, text };
}
