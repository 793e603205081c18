/*
 * What players send
 *
 *     {type, clientSeq, …}      step {track, step, on} · tempo {value} · swing {value} ·
 *                               track {track: Track} (new, or instead of the one with its id) ·
 *                               remove {track}
 *     {type, …}                 cursor {x, y} · playing {playing} · rename {name} · resync
 *     ping                      answered with pong, waking nobody
 *
 * and what they are sent; every broadcast has a serverSeq
 *
 *     snapshot {state, hash, serverSeq, you, players, published}
 *     missed   {changes, hash, serverSeq, you, players, published}
 *     changed  {patch, hash, player, clientSeq}         also to its sender: the acknowledgement
 *     joined · left · renamed {player} · cursor {player, x, y} · playing {player, playing}
 *     published
 *     ack {clientSeq}           it was known already
 *     error {error, clientSeq}
 */

import { cleanName, repair, STEPS_MAX, SWING, TEMPO, TRACKS_MAX, type Patch, type State } from "./state";

const FRAME_LENGTH_MAX = 8 * 1024;

export class BadMessage extends Error {}

export type Loose = Record<string, unknown>;
export type Ephemeral =
    | { type: "cursor"; x: number; y: number }
    | { type: "playing"; playing: boolean }
    | { type: "rename"; name: string }
    | { type: "resync" };

export function parse(data: string | ArrayBuffer): Loose & { type: string } {
    if (typeof data !== "string" || data.length > FRAME_LENGTH_MAX) throw new BadMessage("Expected a short text");
    let value: unknown;
    try {
        value = JSON.parse(data);
    } catch {
        throw new BadMessage("Expected JSON");
    }
    if (typeof value !== "object" || value === null || typeof (value as Loose).type !== "string")
        throw new BadMessage("Expected an object with a type");
    return value as Loose & { type: string };
}

export function clientSeqOf({ clientSeq }: Loose): number {
    if (!Number.isSafeInteger(clientSeq) || (clientSeq as number) < 1) throw new BadMessage("Invalid clientSeq");
    return clientSeq as number;
}

function within(value: unknown, { least, most }: { least: number; most: number }): number {
    if (typeof value !== "number" || !(value >= least && value <= most))
        throw new BadMessage(`The value must be from ${least} to ${most}`);
    return value;
}

function trackOf(state: State, id: unknown) {
    const track = state.tracks.find((candidate) => candidate.id === id);
    if (track === undefined) throw new BadMessage("There is no such track");
    return track;
}

/* The change that a message asks for, checked against the state; null if it asks for none. */
export function patchOf(message: Loose & { type: string }, state: State): Patch | null {
    switch (message.type) {
        case "tempo":
            return { tempo: within(message.value, TEMPO) };
        case "swing":
            return { swing: within(message.value, SWING) };
        case "step": {
            const track = trackOf(state, message.track);
            const step = message.step as number;
            if (!Number.isInteger(step) || step < 0 || step >= Math.min(track.steps.length, STEPS_MAX))
                throw new BadMessage("There is no such step");
            if (typeof message.on !== "boolean") throw new BadMessage("A step is on or off");
            const steps = track.steps.slice(0, step) + (message.on ? "1" : "0") + track.steps.slice(step + 1);
            return { track: { ...track, steps } };
        }
        case "track": {
            const { state: checked, repairs } = repair({ version: 0, tempo: 120, swing: 0, tracks: [message.track] });
            const [track] = checked.tracks;
            if (repairs.length > 0 || track === undefined) throw new BadMessage(repairs[0] ?? "Invalid track");
            const isNew = !state.tracks.some(({ id }) => id === track.id);
            if (isNew && state.tracks.length >= TRACKS_MAX) throw new BadMessage("There are at most 16 tracks");
            return { track };
        }
        case "remove":
            return { removed: trackOf(state, message.track).id };
        default:
            return null;
    }
}

export function ephemeralOf(message: Loose & { type: string }): Ephemeral {
    const unit = { least: 0, most: 1 };
    switch (message.type) {
        case "cursor":
            return { type: "cursor", x: within(message.x, unit), y: within(message.y, unit) };
        case "playing":
            return { type: "playing", playing: message.playing === true };
        case "rename": {
            const name = cleanName(message.name);
            if (name === null) throw new BadMessage("A name has letters");
            return { type: "rename", name };
        }
        case "resync":
            return { type: "resync" };
        default:
            throw new BadMessage("Unknown type of message");
    }
}
