/*
 * Programs
 *
 * A program is a list of steps for one object, made from a seed and a number: {binding, steps}. The step {do: "turn"} ends an
 * event of the object; those between two of them run in one. project/interpret.js runs them, and says which there are.
 */

import { Random } from "./random.mjs";
import { anything, scalar, value } from "./generate_values.mjs";
import { SqlSource } from "./generate_sql.mjs";

const KEYS = ["a", "b", "ab", "abc", "b\0", "k0", "k1", "k2", "k10", "é", "\uffff", "𝄞", "", "Z", "_cf_x", "\ud800"];
const TAKES = [[10, "toArray"], [3, "raw"], [3, "one"], [2, "next"], [2, "rawArray"], [2, "spread"], [1, "some"], [1, "columnNames"], [1, "rawNext"], [1, "first"]]; // prettier-ignore
/* Rows that RETURNING makes are always read to the end: before that, workerd cannot commit (docs/compat.md). */
const READ_ALL = ["toArray", "raw", "rawArray", "spread"];
const FAR_MS = 4102444800000; // 2100, when no alarm rings

const bag = (pairs) => ({ t: "object", v: pairs });
const list = (values) => ({ t: "array", v: values });

class Generator {
    constructor(random) {
        this.random = random;
        this.sql = new SqlSource(random);
        this.slots = 0;
    }

    call(on, name, args, more = {}) {
        return { do: "call", on, name, args, ...more };
    }

    key() {
        if (this.random.chance(2)) return this.legacy ? scalar(this.random) : anything(this.random);
        if (this.random.chance(1) && !this.legacy) return { t: "long", v: ["k", this.random.pick([2048, 2049])] };
        return this.random.pick(KEYS);
    }

    keys() {
        if (this.random.chance(2) && !this.legacy) return list(Array.from({ length: this.random.pick([128, 129]) }, (_, i) => `many${i}`));
        return list(this.random.many(0, 5, () => this.key()));
    }

    options() {
        const { random } = this;
        if (random.chance(60)) return [];
        if (random.chance(10)) return [anything(random)];
        const names = ["allowConcurrency", "noCache", "allowUnconfirmed", "unknown"];
        return [bag(random.many(0, 2, () => [random.pick(names), random.pick([true, false, 1, null, "x"])]))];
    }

    listOptions() {
        const { random } = this;
        if (random.chance(15)) return [];
        if (random.chance(5)) return [anything(random)];
        const pairs = [];
        if (random.chance(30)) pairs.push(["start", this.key()]);
        if (random.chance(25)) pairs.push(["startAfter", this.key()]);
        if (random.chance(30)) pairs.push(["end", this.key()]);
        if (random.chance(30)) pairs.push(["prefix", random.pick(["", "a", "k", "k1", "é", "\uffff", "𝄞", "\ud800"])]);
        if (random.chance(40)) pairs.push(["reverse", random.pick([true, false, 1, 0, "", null])]);
        if (random.chance(40)) pairs.push(["limit", random.pick([1, 2, 3, 10, 0, -1, 1.5, "2", null, { t: "number", v: "NaN" }, 1e10])]);
        return [bag(pairs)];
    }

    put(on) {
        const { random } = this;
        if (random.chance(5) && !this.legacy) return this.call(on, "put", random.many(0, 3, () => anything(random)));
        if (random.chance(30)) {
            const entries = bag(random.many(0, 4, () => [random.pick(KEYS), value(random)]));
            return this.call(on, "put", [entries, ...this.options()]);
        }
        return this.call(on, "put", [this.key(), value(random), ...this.options()]);
    }

    get(on) {
        const { random } = this;
        if (random.chance(3) && !this.legacy) return this.call(on, "get", random.many(0, 2, () => anything(random)));
        return this.call(on, "get", [random.chance(25) ? this.keys() : this.key(), ...this.options()]);
    }

    remove(on) {
        const { random } = this;
        if (random.chance(3) && !this.legacy) return this.call(on, "delete", random.many(0, 2, () => anything(random)));
        return this.call(on, "delete", [random.chance(25) ? this.keys() : this.key(), ...this.options()]);
    }

    alarm(on) {
        const { random } = this;
        const time = () =>
            random.weighted([
                [6, () => FAR_MS + random.below(1000000)],
                [3, () => ({ t: "date", v: FAR_MS + random.below(1000) })],
                [1, () => FAR_MS + 0.75],
                [1, () => random.pick([0, -1, 1e20, { t: "number", v: "NaN" }, { t: "date", v: null }, "x", null, list([])])],
            ])();
        return random.weighted([
            [4, () => this.call(on, "getAlarm", this.options())],
            [4, () => this.call(on, "setAlarm", random.chance(3) ? [] : [time(), ...this.options()])],
            [2, () => this.call(on, "deleteAlarm", this.options())],
        ])();
    }

    asyncKv(on) {
        const step = this.random.weighted([
            [8, () => this.get(on)],
            [8, () => this.put(on)],
            [4, () => this.remove(on)],
            [6, () => this.call(on, "list", on === "old txn" ? [] : this.listOptions())],
            [3, () => this.alarm(on)],
        ])();
        if (this.random.chance(12)) step.wait = false;
        return step;
    }

    syncKv() {
        const { random } = this;
        return random.weighted([
            [8, () => this.call("kv", "get", [this.key()])],
            [6, () => this.call("kv", "put", [this.key(), value(random)])],
            [3, () => this.call("kv", "delete", [this.key()])],
            [4, () => this.call("kv", "list", this.listOptions(), { take: random.pick(["spread", "some", "first"]) })],
            [2, () => this.call("kv", "list", this.listOptions(), { keep: this.slot(), take: random.pick(["next", "nothing"]) })],
            [1, () => this.call("kv", random.pick(["get", "put", "delete", "list"]), random.many(0, 3, () => anything(random)))],
        ])();
    }

    slot() {
        return this.slots++ % 4;
    }

    exec() {
        const { random } = this;
        const { text, args } = this.sql.statement();
        if (/RETURNING/i.test(text)) return this.call("sql", "exec", [text, ...args], { take: random.pick(READ_ALL) });
        /* Its first row is read at once: until then Dormouse is a row ahead (docs/compat.md). */
        const more = random.chance(15) ? { keep: this.slot(), take: "next" } : { take: random.weighted(TAKES) };
        return this.call("sql", "exec", [text, ...args], more);
    }

    move() {
        const { random } = this;
        const name = random.weighted([[8, "next"], [2, "toArray"], [1, "one"], [2, "rawNext"], [1, "columnNames"], [1, "raw"]]); // prettier-ignore
        return { do: "move", from: random.below(4), name };
    }

    ids() {
        const { random } = this;
        const name = random.pick(["idFromName", "idFromName", "idFromString", "getByName", "newUniqueId", "get"]);
        if (name === "idFromName") return { do: "ids", name, args: random.many(0, 2, () => anything(random)) };
        const hex = random.pick(["", "zz", "a".repeat(63), "g".repeat(64), "0".repeat(64), "0".repeat(65)]);
        if (name === "idFromString") return { do: "ids", name, args: [random.chance(50) ? hex : anything(random)] };
        return { do: "ids", name, args: [random.pick([{ t: "symbol", v: "s" }, 7, "eu"])] };
    }

    transactionSync(depth) {
        const steps = this.random.many(0, 5, () => this.syncStep(depth + 1));
        return { do: "transactionSync", steps, end: this.random.weighted([[5, "value"], [2, "throw"], [1, "throw value"]]) }; // prettier-ignore
    }

    transaction(depth) {
        const { random } = this;
        const steps = random.many(0, 6, () => (random.chance(60) ? this.asyncKv(random.chance(80) ? "txn" : "storage") : this.step(depth + 1)));
        const end = random.weighted([[6, "value"], [2, "throw"], [1, "throw value"], [2, "rollback"]]); // prettier-ignore
        return { do: "transaction", steps, end };
    }

    syncStep(depth) {
        const { random } = this;
        const kinds = [
            [8, () => this.syncKv()],
            [12, () => this.exec()],
            [3, () => this.move()],
        ];
        if (random.chance(20)) kinds.push([4, () => this.asyncKv("storage")]);
        if (depth < 3) kinds.push([2, () => this.transactionSync(depth)]);
        return random.weighted(kinds)();
    }

    step(depth = 0) {
        const { random } = this;
        const kinds = [
            [10, () => this.asyncKv("storage")],
            [6, () => this.syncKv()],
            [16, () => this.exec()],
            [4, () => this.move()],
            [1, () => this.ids()],
        ];
        if (depth < 3) kinds.push([2, () => this.transactionSync(depth)], [2, () => this.transaction(depth)]);
        if (random.chance(5)) kinds.push([2, () => this.call("storage", "deleteAll", this.options())]);
        if (random.chance(10)) kinds.push([3, () => this.call("storage", "sync", [])], [2, () => ({ do: "size" })], [2, () => ({ do: "sleep" })]);
        if (random.chance(5)) kinds.push([2, () => this.asyncKv("old txn")]);
        return random.weighted(kinds)();
    }

    program(length) {
        const { random } = this;
        const steps = this.sql.schema().map((text) => this.call("sql", "exec", [text], { take: "toArray" }));
        for (let left = random.between(4, 20); steps.length < length; left--) {
            steps.push(this.step());
            if (left > 0) continue;
            steps.push(random.weighted([[12, { do: "turn" }], [1, { do: "turn", throws: true }], [1, { do: "abort" }]])); // prettier-ignore
            left = random.between(4, 20);
            if (steps.at(-1).do === "abort") steps.push({ do: "turn" });
        }
        return { binding: "SUBJECT", steps };
    }

    /* An object without SQLite: asynchronous KV within the old limits, which workerd does not know (docs/compat.md). */
    legacyProgram(length) {
        const { random } = this;
        this.legacy = true;
        const steps = [];
        while (steps.length < length) {
            steps.push(
                random.weighted([
                    [20, () => this.asyncKv("storage")],
                    [1, () => this.call("kv", random.pick(["get", "delete"]), ["a"])],
                    [1, () => this.call("sql", "exec", ["SELECT ?", 1])],
                    [1, () => this.call("storage", "put", ["long", { t: "long", v: ["x", random.pick([100000, 131000])] }])],
                    [1, () => ({ do: "turn" })],
                ])(),
            );
        }
        return { binding: "LEGACY", steps };
    }
}

/* One seed has many programs; any of them can be made alone. */
export function makeProgram(seed, number, length) {
    const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
    const generator = new Generator(random);
    return number % 10 === 9 ? generator.legacyProgram(length) : generator.program(length);
}

/* Calls on an object in it, those within transactions, too. */
export function countCalls(steps) {
    let sum = 0;
    for (const step of steps) {
        if (step.do !== "turn") sum++;
        if (step.steps !== undefined) sum += countCalls(step.steps);
    }
    return sum;
}

/* Programs are sent as turns. */
export function turnsOf(steps) {
    const turns = [];
    let turn = { steps: [] };
    for (const step of steps) {
        if (step.do !== "turn") {
            turn.steps.push(step);
            continue;
        }
        turns.push({ ...turn, throws: step.throws === true });
        turn = { steps: [] };
    }
    turns.push(turn);
    return turns;
}
