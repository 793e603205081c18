/*
 * What a session is: tracks of steps, tempo, swing
 *
 * Nothing here does I/O. A change is a patch, small enough to send and simple enough that server,
 * log and page apply it in the same way; the hash tells whether they did.
 */

export const TRACKS_MAX = 16;
export const STEPS_MAX = 128;
export const NAME_LENGTH_MAX = 40;
export const TEMPO = { least: 30, most: 300, usual: 120 };
export const SWING = { least: 0, most: 100, usual: 0 };
export const SOUNDS = ["kick", "snare", "hat", "clap", "tom", "bass", "lead", "bell"] as const;

export type Sound = (typeof SOUNDS)[number];

/* Steps are a text of "0" and "1", the shortest thing that JSON can say about them. */
export type Track = { id: string; name: string; sound: Sound; steps: string; volume: number; muted: boolean };
export type State = { version: number; tempo: number; swing: number; tracks: Track[] };

export type Patch =
    | { tempo: number }
    | { swing: number }
    | { track: Track }
    | { removed: string }
    | { state: State };

export function newState(): State {
    const track = (sound: Sound): Track => ({
        id: sound, name: sound, sound, steps: "0".repeat(16), volume: 0.8, muted: false,
    });
    return { version: 0, tempo: TEMPO.usual, swing: SWING.usual, tracks: (["kick", "snare", "hat", "bass"] as const).map(track) };
}

/* A new state; the old one is left as it was. */
export function applyPatch(state: State, patch: Patch): State {
    const version = state.version + 1;
    if ("state" in patch) return { ...patch.state, version };
    if ("track" in patch) {
        const { track } = patch;
        const isKnown = state.tracks.some(({ id }) => id === track.id);
        const tracks = isKnown
            ? state.tracks.map((old) => (old.id === track.id ? track : old))
            : [...state.tracks, track];
        return { ...state, version, tracks };
    }
    if ("removed" in patch)
        return { ...state, version, tracks: state.tracks.filter(({ id }) => id !== patch.removed) };
    return { ...state, ...patch, version };
}

/* FNV-1a over the one way to write a state down. The page has the same in page.html. */
export function hashOf({ version, tempo, swing, tracks }: State): string {
    const rows = tracks.map((t) => [t.id, t.name, t.sound, t.steps, t.volume, t.muted]);
    let hash = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(JSON.stringify([version, tempo, swing, rows])))
        hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    return hash.toString(16).padStart(8, "0");
}

/* ---- what must hold, and how it is put right ---- */

type Loose = Record<string, unknown>;

const isObject = (value: unknown): value is Loose =>
    typeof value === "object" && value !== null && !Array.isArray(value);
const isWithin = (value: unknown, least: number, most: number): value is number =>
    typeof value === "number" && Number.isFinite(value) && value >= least && value <= most;
const isId = (value: unknown): value is string => typeof value === "string" && /^[\w-]{1,64}$/.test(value);
const isSound = (value: unknown): value is Sound => SOUNDS.includes(value as Sound);
const isSteps = (value: unknown): value is string => typeof value === "string" && /^[01]{1,128}$/.test(value);

export function cleanName(value: unknown): string | null {
    if (typeof value !== "string") return null;
    const name = value.trim().slice(0, NAME_LENGTH_MAX);
    return name === "" ? null : name;
}

type Invariant<T> = { name: string; holds: (value: T) => boolean; repair: (value: T) => void };

const ofTrack: Invariant<Loose>[] = [
    { name: "a track has an id", holds: (t) => isId(t.id), repair: (t) => (t.id = crypto.randomUUID()) },
    { name: "a track has a sound", holds: (t) => isSound(t.sound), repair: (t) => (t.sound = "kick") },
    {
        name: "a track has a name",
        holds: (t) => typeof t.name === "string" && cleanName(t.name) === t.name,
        repair: (t) => (t.name = cleanName(t.name) ?? t.sound),
    },
    {
        name: "steps are 1 to 128 of 0 and 1",
        holds: (t) => isSteps(t.steps),
        repair: (t) => {
            const kept = typeof t.steps === "string" ? t.steps.replace(/[^01]/g, "0").slice(0, STEPS_MAX) : "";
            t.steps = kept || "0".repeat(16);
        },
    },
    { name: "a volume is from 0 to 1", holds: (t) => isWithin(t.volume, 0, 1), repair: (t) => (t.volume = 0.8) },
    { name: "a track is muted or not", holds: (t) => typeof t.muted === "boolean", repair: (t) => (t.muted = false) },
];

const ofState: Invariant<Loose>[] = [
    { name: "there is a list of tracks", holds: (s) => Array.isArray(s.tracks), repair: (s) => (s.tracks = []) },
    {
        name: "tracks are objects",
        holds: (s) => tracksOf(s).every(isObject),
        repair: (s) => (s.tracks = tracksOf(s).filter(isObject)),
    },
    {
        name: "there are at most 16 tracks",
        holds: (s) => tracksOf(s).length <= TRACKS_MAX,
        repair: (s) => (s.tracks = tracksOf(s).slice(0, TRACKS_MAX)),
    },
    {
        name: "no two tracks have the same id",
        holds: (s) => new Set(tracksOf(s).map(({ id }) => id)).size === tracksOf(s).length,
        repair: (s) => {
            const seen = new Set<unknown>();
            s.tracks = tracksOf(s).filter(({ id }) => !seen.has(id) && seen.add(id));
        },
    },
    {
        name: "the tempo is from 30 to 300",
        holds: (s) => isWithin(s.tempo, TEMPO.least, TEMPO.most),
        repair: (s) => (s.tempo = TEMPO.usual),
    },
    {
        name: "the swing is from 0 to 100",
        holds: (s) => isWithin(s.swing, SWING.least, SWING.most),
        repair: (s) => (s.swing = SWING.usual),
    },
    {
        name: "the version is a count",
        holds: (s) => Number.isSafeInteger(s.version) && (s.version as number) >= 0,
        repair: (s) => (s.version = 0),
    },
];

function tracksOf(state: Loose): Loose[] {
    return state.tracks as Loose[];
}

/* A state in which every invariant holds, made of whatever was found, and the names of those that
 * did not hold. Tracks are put right one by one before ids are compared. */
export function repair(found: unknown): { state: State; repairs: string[] } {
    const repairs: string[] = [];
    const check = (value: Loose, invariants: Invariant<Loose>[]) => {
        for (const invariant of invariants) {
            if (invariant.holds(value)) continue;
            repairs.push(invariant.name);
            invariant.repair(value);
        }
    };
    const loose: Loose = isObject(found) ? structuredClone(found) : {};
    check(loose, ofState.slice(0, 2));
    for (const track of tracksOf(loose)) check(track, ofTrack);
    check(loose, ofState.slice(2));

    const { version, tempo, swing } = loose as State;
    /* Only what belongs to a track goes on, so that nothing unknown is stored for ever. */
    const tracks = (loose.tracks as Track[]).map(({ id, name, sound, steps, volume, muted }) => ({
        id, name, sound, steps, volume, muted,
    }));
    return { state: { version, tempo, swing, tracks }, repairs };
}
