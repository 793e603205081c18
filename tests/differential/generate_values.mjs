/* Values of all kinds, coded as project/values.js reads them. */

const u = { t: "undefined" };
const number = (v) => ({ t: "number", v });

const TEXTS = ["", "a", "text", "é€", "𝄞 clef", "nul\0in", "\ud800", "x\udfff", "'quoted\"", "3", "-1.5e3", "true", "0x10", " 7 "];
const NUMBERS = [
    0, 1, -1, 2, 7, 13, 255, 1.5, -0.25, 1e21, 1e-7, 1e300, 2147483647, -2147483648, 4294967296, 9007199254740991, -9007199254740991,
    9007199254740994, 1.7976931348623157e308, 5e-324, number("-0"), number("NaN"), number("Infinity"), number("-Infinity"),
]; // prettier-ignore
const NOT_CLONEABLE = [{ t: "function" }, { t: "symbol", v: "s" }, { t: "promise" }, { t: "weakmap" }, { t: "throwing" }];
const ODD_PARAMETERS = [...NOT_CLONEABLE, { t: "bigint", v: "5" }, { t: "object", v: [["a", 1]] }, { t: "array", v: [1, "b"] }, { t: "date", v: null }, { t: "tothrow" }];
const BIGINTS = ["0", "1", "-1", "9223372036854775807", "-9223372036854775809", "123456789012345678901234567890"];
const VIEWS = [
    ["Uint8Array", 1], ["Int8Array", 1], ["Uint8ClampedArray", 1], ["Uint16Array", 2], ["Int16Array", 2], ["Uint32Array", 4],
    ["Int32Array", 4], ["Float32Array", 4], ["Float64Array", 8], ["BigInt64Array", 8], ["BigUint64Array", 8], ["DataView", 1],
]; // prettier-ignore
const ERRORS = ["Error", "TypeError", "RangeError", "SyntaxError", "EvalError", "URIError", "ReferenceError"];

function bytes(random) {
    return random.many(0, 12, () => random.below(256));
}

function view(random) {
    const [name, width] = random.pick(VIEWS);
    const count = random.below(4);
    const offset = random.below(2) * width;
    const all = Array.from({ length: offset + count * width + random.below(3) }, () => random.below(256));
    return { t: "view", v: [name, all, offset, count] };
}

export function text(random) {
    return random.pick(TEXTS);
}

export function scalar(random) {
    return random.weighted([
        [6, () => text(random)],
        [5, () => random.pick(NUMBERS)],
        [3, () => random.between(-50, 50)],
        [2, () => random.chance(50)],
        [2, () => null],
        [1, () => u],
        [1, () => ({ t: "bigint", v: random.pick(BIGINTS) })],
        [1, () => ({ t: "date", v: random.pick([0, 1, -1, 1700000000123, 8.64e15, null]) })],
    ])();
}

function boxed(random) {
    return { t: "boxed", v: random.pick([true, false, 1, number("-0"), "boxed", "", { t: "bigint", v: "5" }]) };
}

function error(random) {
    const cause = random.chance(30) ? ["a cause"] : [];
    return { t: "error", v: [random.pick(ERRORS), random.pick(["", "a message", "é"]), ...cause] };
}

/* What can be stored, most of the time. */
export function value(random, depth = 0) {
    const inner = () => value(random, depth + 1);
    const kinds = [
        [depth === 0 ? 8 : 10, () => scalar(random)],
        [2, () => view(random)],
        [1, () => ({ t: "buffer", v: bytes(random) })],
        [1, () => boxed(random)],
        [1, () => error(random)],
        [1, () => ({ t: "regexp", v: random.pick([["a+b", "gi"], ["", ""], ["[/]\\n", "suy"], ["é", "m"]]) })], // prettier-ignore
        [1, () => ({ t: random.pick(["instance", "nullproto", "getter"]) })],
        [1, () => ({ t: "sparse", v: [random.between(3, 9), random.below(3), "here"] })],
        [1, () => ({ t: "named", v: [[1, 2], "extra"] })],
        [1, () => ({ t: "long", v: [random.pick(["x", "é", "€"]), random.pick([100, 1000, 5000])] })],
    ];
    if (depth > 0) kinds.push([1, () => ({ t: "up", v: random.below(3) })]);
    if (random.chance(4)) kinds.push([8, () => random.pick(NOT_CLONEABLE)]);
    if (depth < 3)
        kinds.push(
            [2, () => ({ t: "object", v: random.many(0, 4, () => [random.pick(["a", "b", "é", "1", "0", "-1", "toJSON", ""]), inner()]) })],
            [2, () => ({ t: "array", v: random.many(0, 4, inner) })],
            [2, () => ({ t: "map", v: random.many(0, 3, () => [inner(), inner()]) })],
            [1, () => ({ t: "set", v: random.many(0, 4, inner) })],
        );
    return random.weighted(kinds)();
}

/* Whatever a caller may give where something else is wanted. */
export function anything(random) {
    return random.weighted([
        [4, () => scalar(random)],
        [3, () => value(random)],
        [1, () => u],
        [1, () => random.pick(NOT_CLONEABLE)],
        [1, () => ({ t: "tostring", v: random.pick(["a", "k1", ""]) })],
        [1, () => ({ t: "tothrow" })],
    ])();
}

/* What a SQL parameter may be, and a little of what it may not. */
export function parameter(random) {
    return random.weighted([
        [5, () => random.between(-5, 20)],
        [5, () => text(random)],
        [3, () => random.pick(NUMBERS)],
        [2, () => null],
        [1, () => u],
        [2, () => ({ t: "buffer", v: bytes(random) })],
        [2, () => view(random)],
        [1, () => random.chance(50)],
        [1, () => (random.chance(25) ? random.pick(ODD_PARAMETERS) : 1)],
    ])();
}
