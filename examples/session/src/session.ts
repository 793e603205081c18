/*
 * A session: one object, up to ten players
 *
 * The state is in memory for as long as the object is; it is loaded once, before anything else
 * happens, and can be made again at any time from the snapshot and the log of changes. Every
 * change goes through change(): that is where a published session refuses, where the change gets
 * its number, is logged and told. Nothing reaches a player before it is durable: the runtime holds
 * back what is sent until what was written is safe.
 */

import { DurableObject } from "cloudflare:workers";

import { BadMessage, clientSeqOf, ephemeralOf, parse, patchOf, type Ephemeral } from "./protocol";
import { applyPatch, hashOf, repair, type Patch, type State } from "./state";
import { newSnapshot, SessionStorage, type Snapshot } from "./storage";

export const PLAYERS_MAX = 10;

const COLOURS = ["#c2410c", "#0f766e", "#7c3aed", "#be123c", "#1d4ed8", "#4d7c0f", "#a21caf", "#b45309", "#0e7490", "#475569"];
const BAD_MESSAGES_MAX = 20;
const PUBLISHED = "This session is published and cannot be changed";

/* The attachment: all that must be known about a player when the object has slept. */
export type Player = { id: string; name: string; colour: string; joined: number; badMessages: number };

interface Env {
    SNAPSHOTS: KVNamespace;
    SAVE_MS: number;
}

export class Session extends DurableObject<Env> {
    private readonly store: SessionStorage;
    private snapshot: Snapshot | null = null;
    private state!: State;
    private repairs: string[] = [];
    private replayed = 0;
    private loads = 0;
    /* Saves go one after the other, so that an older one never comes to lie over a newer. */
    private saving: Promise<void> = Promise.resolve();
    /* Whose page is sounding right now; not worth remembering. */
    private readonly playing = new Set<string>();

    constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env);
        this.store = new SessionStorage(ctx.storage, env.SNAPSHOTS);
        ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
        ctx.blockConcurrencyWhile(async () => {
            this.store.migrate();
            await this.load();
        });
    }

    /* ---- calls of the Worker ---- */

    async create(state: State | undefined, remixedFrom: string | null): Promise<Snapshot> {
        if (this.snapshot === null) {
            const snapshot = newSnapshot(this.name(), state, remixedFrom);
            this.store.keepOwn(snapshot);
            this.adopt(snapshot, snapshot.state);
        }
        /* Also when it is asked again: the answer says that it is in KV. */
        return this.save();
    }

    async read(): Promise<Snapshot | null> {
        return this.snapshot === null ? null : this.current();
    }

    async replace(state: State): Promise<Snapshot | "published"> {
        if (!(await this.change({ state: repair(state).state }, "", 0))) return "published";
        return this.current();
    }

    async publish(): Promise<Snapshot> {
        const snapshot = this.loaded();
        if (!snapshot.published) {
            snapshot.published = true;
            this.broadcast({ type: "published" });
            this.store.keepOwn(this.current());
            this.store.markUnsaved(this.store.lastSeq());
            /* Should KV fail now, the alarm will see to it. */
            await this.saveLater();
        }
        return this.save();
    }

    async debug(): Promise<object> {
        const { snapshot, store, repairs, replayed, loads } = this;
        return {
            id: snapshot?.id ?? null,
            published: snapshot?.published ?? null,
            serverSeq: store.lastSeq(),
            schemaVersion: store.schemaVersion,
            needsSaving: store.needsSaving(),
            hash: hashOf(this.state),
            players: this.players(),
            alarm: await this.ctx.storage.getAlarm(),
            repairs, replayed, loads,
        };
    }

    async fetch(request: Request): Promise<Response> {
        this.loaded();
        const query = new URL(request.url).searchParams;
        const id = query.get("player") ?? crypto.randomUUID();
        /* Who comes back takes the place of the connection that was lost. */
        const old = this.sockets().filter((ws) => playerOf(ws)?.id === id);
        const others = this.players().filter((player) => player.id !== id);
        if (others.length >= PLAYERS_MAX)
            return new Response(`Session full (max ${PLAYERS_MAX} players)`, { status: 503 });
        const before = old.map(playerOf)[0];
        for (const ws of old) {
            ws.serializeAttachment(null);
            ws.close(4001, "Replaced by a new connection");
        }

        const colour = COLOURS.find((free) => !others.some((other) => other.colour === free)) ?? "#475569";
        const fresh = { id, colour, name: query.get("name") || `Player ${others.length + 1}`, joined: Date.now() };
        const player: Player = before ?? { ...fresh, badMessages: 0 };
        const { 0: client, 1: server } = new WebSocketPair();
        this.ctx.acceptWebSocket(server);
        server.serializeAttachment(player);
        if (!before) this.broadcast({ type: "joined", player: shown(player) }, server);
        this.greet(server, player, query.get("after"));
        return new Response(null, { status: 101, webSocket: client });
    }

    /* ---- sockets ---- */

    async webSocketMessage(ws: WebSocket, data: string | ArrayBuffer): Promise<void> {
        const player = playerOf(ws);
        if (player === null) return;
        let clientSeq: number | undefined;
        try {
            const message = parse(data);
            const patch = patchOf(message, this.state);
            if (patch === null) return this.tell(ws, player, ephemeralOf(message));
            clientSeq = clientSeqOf(message);
            if (clientSeq <= this.store.lastClientSeq(player.id)) return send(ws, { type: "ack", clientSeq });
            if (!(await this.change(patch, player.id, clientSeq)))
                send(ws, { type: "error", clientSeq, error: PUBLISHED });
        } catch (error) {
            if (!(error instanceof BadMessage)) throw error;
            this.refuse(ws, player, clientSeqIn(data), error.message);
        }
    }

    async webSocketClose(ws: WebSocket, code: number): Promise<void> {
        ws.close(code === 1005 || code === 1006 ? 1000 : code);
        await this.leave(ws);
    }

    async webSocketError(ws: WebSocket): Promise<void> {
        await this.leave(ws);
    }

    /* Comes once after each burst of changes. It may come twice, or for nothing: saving what is
     * saved already changes nothing. When KV fails, the runtime tries the alarm again. */
    async alarm(): Promise<void> {
        if (this.snapshot !== null && this.store.needsSaving()) await this.save();
    }

    /* ---- changes ---- */

    /* The one place. False: the session is published. */
    private async change(patch: Patch, player: string, clientSeq: number): Promise<boolean> {
        const snapshot = this.loaded();
        if (snapshot.published) return false;

        const serverSeq = this.store.nextSeq();
        this.store.addChange({ serverSeq, player, clientSeq, patch });
        this.state = applyPatch(this.state, patch);
        snapshot.updatedAt = Date.now();
        this.send({ type: "changed", serverSeq, player, clientSeq, patch, hash: hashOf(this.state) });
        await this.saveLater();
        return true;
    }

    private async saveLater(): Promise<void> {
        if ((await this.ctx.storage.getAlarm()) === null)
            await this.ctx.storage.setAlarm(Date.now() + this.env.SAVE_MS);
    }

    private async load(): Promise<void> {
        this.loads++;
        const found = await this.store.load(this.name());
        if (found === null) return this.adopt(null, repair({}).state);
        this.repairs = found.repairs;
        this.replayed = found.replayed;
        this.adopt(found.snapshot, found.state);
    }

    private adopt(snapshot: Snapshot | null, state: State): void {
        this.snapshot = snapshot;
        this.state = state;
    }

    private save(): Promise<Snapshot> {
        const saved = this.saving.then(async () => {
            const snapshot = this.current();
            await this.store.save(snapshot);
            return snapshot;
        });
        this.saving = saved.then(
            () => {},
            () => {},
        );
        return saved;
    }

    private current(): Snapshot {
        return { ...this.loaded(), state: this.state, serverSeq: this.store.lastSeq() };
    }

    private loaded(): Snapshot {
        if (this.snapshot === null) throw new Error("Session not found");
        return this.snapshot;
    }

    private name(): string {
        if (this.ctx.id.name === undefined) throw new Error("A session is reached by its name");
        return this.ctx.id.name;
    }

    /* ---- players ---- */

    private greet(ws: WebSocket, player: Player, after: string | null): void {
        const whole = {
            serverSeq: this.store.lastSeq(),
            hash: hashOf(this.state),
            you: player.id,
            players: this.players().map(shown),
            playing: [...this.playing],
            published: this.loaded().published,
            lastClientSeq: this.store.lastClientSeq(player.id),
        };
        const changes = after !== null && /^\d{1,15}$/.test(after) ? this.store.missedSince(Number(after)) : null;
        if (changes !== null) send(ws, { type: "missed", changes, ...whole });
        else send(ws, { type: "snapshot", state: this.state, ...whole });
    }

    private tell(ws: WebSocket, player: Player, message: Ephemeral): void {
        switch (message.type) {
            case "resync":
                return this.greet(ws, player, null);
            case "rename": {
                const renamed = { ...player, name: message.name };
                ws.serializeAttachment(renamed);
                return this.broadcast({ type: "renamed", player: shown(renamed) });
            }
            case "playing":
                if (message.playing) this.playing.add(player.id);
                else this.playing.delete(player.id);
                return this.broadcast({ ...message, player: player.id }, ws);
            case "cursor":
                return this.broadcast({ ...message, player: player.id }, ws);
        }
    }

    private refuse(ws: WebSocket, player: Player, clientSeq: number | undefined, error: string): void {
        const badMessages = player.badMessages + 1;
        ws.serializeAttachment({ ...player, badMessages } satisfies Player);
        if (badMessages > BAD_MESSAGES_MAX) ws.close(1008, "Too many bad messages");
        else send(ws, { type: "error", clientSeq, error });
    }

    private async leave(ws: WebSocket): Promise<void> {
        const player = playerOf(ws);
        if (player === null) return;
        ws.serializeAttachment(null);
        this.playing.delete(player.id);
        this.broadcast({ type: "left", player: shown(player) });
        if (this.players().length === 0 && this.store.needsSaving()) await this.save();
    }

    private sockets(): WebSocket[] {
        return this.ctx.getWebSockets();
    }

    private players(): Player[] {
        return this.sockets().flatMap((ws) => playerOf(ws) ?? []).sort((a, b) => a.joined - b.joined);
    }

    private broadcast(message: object, except?: WebSocket): void {
        this.send({ ...message, serverSeq: this.store.nextSeq() }, except);
    }

    private send(message: object, except?: WebSocket): void {
        const text = JSON.stringify(message);
        for (const ws of this.sockets()) {
            if (ws === except || playerOf(ws) === null) continue;
            try {
                ws.send(text);
            } catch {
                /* It is closing; its own event takes it off the list. */
            }
        }
    }
}

function playerOf(ws: WebSocket): Player | null {
    return ws.deserializeAttachment() as Player | null;
}

function shown({ id, name, colour, joined }: Player): Omit<Player, "badMessages"> {
    return { id, name, colour, joined };
}

function send(ws: WebSocket, message: object): void {
    ws.send(JSON.stringify(message));
}

/* The number of a message that was refused, if it has one, so that its sender can let go of it. */
function clientSeqIn(data: string | ArrayBuffer): number | undefined {
    try {
        return clientSeqOf(JSON.parse(data as string));
    } catch {
        return undefined;
    }
}
