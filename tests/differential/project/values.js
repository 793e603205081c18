/*
 * Values as JSON
 *
 * What JSON has stands for itself; everything else is {t: type, v: of what}. generate.mjs makes them.
 */

const CLASSES = {
    ArrayBuffer, Uint8Array, Int8Array, Uint8ClampedArray, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array,
    Float64Array, BigInt64Array, BigUint64Array, DataView, Error, TypeError, RangeError, SyntaxError, EvalError, URIError,
    ReferenceError,
}; // prettier-ignore

class Point {
    constructor() {
        this.x = 1;
        this.y = { z: "two" };
    }
    get length() {
        return 3;
    }
}

const makers = {
    undefined: () => undefined,
    number: (v) => Number(v),
    bigint: (v) => BigInt(v),
    date: (v) => new Date(v === null ? NaN : v),
    regexp: ([source, flags]) => new RegExp(source, flags),
    boxed: (v, up) => Object(make(v, up)),
    long: ([text, count]) => text.repeat(count),
    function: () => (a) => a + 1,
    symbol: (v) => Symbol(v),
    instance: () => new Point(),
    promise: () => Promise.resolve(1),
    weakmap: () => new WeakMap(),
    proxy: () => new Proxy({ a: 1 }, {}),
    nullproto: () => Object.assign(Object.create(null), { a: 1 }),
    getter: () => ({
        get a() {
            return "from a getter";
        },
    }),
    throwing: () => ({
        get a() {
            throw new RangeError("from a getter");
        },
    }),
    tostring: (v) => ({ toString: () => v }),
    tothrow: () => ({
        toString() {
            throw new RangeError("from toString");
        },
    }),
    buffer: (v) => new Uint8Array(v).buffer,
    view: ([name, bytes, offset, length]) => new CLASSES[name](new Uint8Array(bytes).buffer, offset, length),
    error: ([name, message, cause]) => new CLASSES[name](message, cause === undefined ? undefined : { cause }),
    sparse: ([length, index, value]) => {
        const array = new Array(length);
        array[index] = value;
        return array;
    },
    named: ([values, name]) => Object.assign([...values], { [name]: true }),
    up: (v, up) => (up.length === 0 ? null : up[v % up.length]),
};

/* Containers are made empty and filled, so that what is in them can refer to them. */
const fillers = {
    map: [
        () => new Map(),
        (map, pairs, up) => {
            for (const [key, value] of pairs) map.set(make(key, up), make(value, up));
        },
    ],
    set: [
        () => new Set(),
        (set, values, up) => {
            for (const value of values) set.add(make(value, up));
        },
    ],
    object: [
        () => ({}),
        (object, pairs, up) => {
            for (const [key, value] of pairs) object[key] = make(value, up);
        },
    ],
    array: [
        () => [],
        (array, values, up) => {
            for (const value of values) array.push(make(value, up));
        },
    ],
};

export function make(coded, up = []) {
    if (typeof coded !== "object" || coded === null) return coded;
    const { t, v } = coded;
    if (!Object.hasOwn(fillers, t)) return makers[t](v, up);
    const [create, fill] = fillers[t];
    const container = create();
    fill(container, v, [...up, container]);
    return container;
}
