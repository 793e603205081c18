/* Any value as a short text, the same on every engine, that tells it from every value it must not be mistaken for. */

const SHORT = 160;
const TypedArray = Object.getPrototypeOf(Uint8Array);

function hash(text) {
    let h = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
    return h.toString(16);
}

function shortened(text) {
    return text.length <= SHORT ? text : `${text.slice(0, SHORT)}… ${text.length} characters, ${hash(text)}`;
}

function className(value) {
    const prototype = Object.getPrototypeOf(value);
    return prototype === null ? "null" : String(prototype.constructor?.name);
}

function bytesOf(view) {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    return shortened([...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
}

function describeObject(value, seen) {
    const inner = (item) => describe(item, seen);
    const named = (key) => `${JSON.stringify(key)}:${key === "stack" ? "…" : inner(value[key])}`;
    const own = () => Object.keys(value).map(named);
    const listed = (parts) => `${className(value)}(${parts.join(",")})`;
    if (Array.isArray(value)) {
        return `[${value.length}|${shortened(own().join(","))}]`;
    }
    if (value instanceof Map) return listed([...value].map(([k, v]) => `${inner(k)}=>${inner(v)}`));
    if (value instanceof Set) return listed([...value].map(inner));
    if (value instanceof Date) return listed([String(value.getTime())]);
    if (value instanceof RegExp) return listed([String(value), value.lastIndex]);
    if (value instanceof Error || value instanceof DOMException) {
        const cause = Object.hasOwn(value, "cause") ? [`cause ${inner(value.cause)}`] : [];
        return listed([JSON.stringify(value.name), JSON.stringify(value.message), ...cause, ...own()]);
    }
    if (value instanceof ArrayBuffer) return listed([bytesOf(new Uint8Array(value))]);
    if (value instanceof TypedArray) return listed([value.length, value.byteOffset, value.buffer.byteLength, bytesOf(value)]);
    if (value instanceof DataView) return listed([value.byteOffset, value.byteLength, bytesOf(value)]);
    if (["Boolean", "Number", "String", "BigInt"].includes(className(value)) && typeof value.valueOf() !== "object")
        return listed([inner(value.valueOf())]);
    if (className(value) === "Cursor") return `Cursor[${value.columnNames.map((name) => JSON.stringify(name))}]`;
    return `${className(value) === "Object" ? "" : className(value)}{${own().join(",")}}`;
}

export function describe(value, seen = []) {
    switch (typeof value) {
        case "string":
            return shortened(JSON.stringify(value));
        case "number":
            return Object.is(value, -0) ? "-0" : String(value);
        case "bigint":
            return `${value}n`;
        case "symbol":
        case "function":
            return `${typeof value} ${String(value.name ?? value.description)}`;
        case "object":
            break;
        default:
            return String(value);
    }
    if (value === null) return "null";
    if (seen.includes(value)) return `#${seen.indexOf(value)}`;
    seen.push(value);
    return describeObject(value, seen);
}

