/*
 * SQL
 *
 * Statements over a few tables, most of them right, some with a token lost, doubled or changed, some forbidden. Both targets
 * have the same version of SQLite, so rows in no order come in the same one, and numbers become the same texts.
 */

import { parameter } from "./generate_values.mjs";

const SCHEMAS = [
    "CREATE TABLE a (id INTEGER PRIMARY KEY, x, y TEXT, z REAL)",
    "CREATE TABLE b (k TEXT PRIMARY KEY, v NOT NULL, a INTEGER REFERENCES a (id))",
    "CREATE TABLE b (k TEXT PRIMARY KEY, v INTEGER, a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED) WITHOUT ROWID",
    "CREATE TABLE c (u UNIQUE, v CHECK (v <> 13), w DEFAULT 7)",
    "CREATE TABLE c (u INTEGER NOT NULL, v TEXT, w ANY, PRIMARY KEY (u, v)) STRICT",
    "CREATE TABLE d (n INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT COLLATE NOCASE, g GENERATED ALWAYS AS (n * 2) STORED)",
    "CREATE INDEX a_x ON a (x)",
    "CREATE UNIQUE INDEX a_y ON a (y) WHERE y > 'm'",
    "CREATE INDEX a_e ON a (x, lower(y))",
    "CREATE VIEW v AS SELECT x, count(*) AS n FROM a GROUP BY x",
    "CREATE TRIGGER a_d AFTER INSERT ON a BEGIN INSERT INTO d (t) VALUES (new.y); END",
    "CREATE TRIGGER a_u BEFORE UPDATE ON a WHEN new.x = 13 BEGIN SELECT raise(ABORT, 'thirteen'); END",
    "CREATE VIRTUAL TABLE f USING fts5 (body)",
    "CREATE VIRTUAL TABLE r USING rtree (id, x0, x1)",
];

const FORBIDDEN = [
    "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "RELEASE s", "ATTACH ':memory:' AS m", "DETACH main", "VACUUM", "CREATE TEMP TABLE q (a)",
    "CREATE TABLE _cf_q (a)", "CREATE TABLE _CF_q (a)",
    "PRAGMA journal_mode", "PRAGMA user_version", "PRAGMA page_size = 512", "PRAGMA writable_schema = 1", "SELECT power(2, 3)",
    "SELECT load_extension('x')", "SELECT sqlite_version()", "CREATE TABLE sqlite_q (a)", "DELETE FROM sqlite_master",
    "ALTER TABLE a RENAME TO _cf_a", "CREATE INDEX _cf_i ON a (x)", "CREATE VIEW _cf_v AS SELECT 1", "EXPLAIN BEGIN",
    "UPDATE sqlite_master SET sql = ''", "SELECT * FROM temp.x", "SELECT * FROM main.a ORDER BY id", "SELECT * FROM other.x",
    "CREATE VIRTUAL TABLE q USING fts4 (a)", "CREATE VIRTUAL TABLE q USING missing (a)", "SELECT * FROM pragma_table_info('a')",
    "SELECT name FROM sqlite_master WHERE name = 'a'", "SELECT * FROM sqlite_schema WHERE name LIKE 'zz%'",
]; // prettier-ignore

const PRAGMAS = [
    "PRAGMA table_info(a)", "PRAGMA table_info('c')", "PRAGMA table_xinfo(d)", "PRAGMA foreign_keys", "PRAGMA foreign_keys = on",
    "PRAGMA defer_foreign_keys", "PRAGMA case_sensitive_like = 0", "PRAGMA foreign_key_list(b)", "PRAGMA index_list(a)",
    "PRAGMA index_info(a_x)", "PRAGMA index_xinfo(a_e)", "PRAGMA foreign_key_check", "PRAGMA foreign_key_check(b)", "PRAGMA quick_check",
    "PRAGMA page_size", "PRAGMA table_info", "PRAGMA recursive_triggers = maybe", "PRAGMA legacy_alter_table",
    "PRAGMA ignore_check_constraints", "PRAGMA table_info(_cf_KV)", "PRAGMA optimize", "PRAGMA quick_check(a)",
]; // prettier-ignore

const ODD = [
    "", " ", ";", ";;", "-- nothing", "/* nothing */", "SELECT 1;", "SELECT 1;  ", "SELECT 1 /* open", "SELECT 'open", 'SELECT "open', "SELECT 1; SELECT 2",
    "SELECT 1; SELEC 2", "SELECT", "SELECT 1,", "SELECT 1 AS x, 2 AS x", "SELECT 1 AS \"\"", "SELECT 1 AS '0', 2 AS '1', 3 AS a", "SELECT 1 AS __proto__",
    "SELECT 1 AS constructor", "SELECT ?3, ?1", "SELECT :a, @b, $c", "SELECT ?1, ?1", "SELECT ?0", "SELECT ?101", "VALUES (1, 2), (3, 4)", "EXPLAIN SELECT nosuch",
    "SELECT 1 WHERE 0", "SELECT x FROM a JOIN a AS e USING (x)", "SELECT a.nosuch FROM a", "INSERT INTO a VALUES (1)",
    "INSERT INTO a (nosuch) VALUES (1)", "INSERT INTO v VALUES (1, 2)", "UPDATE v SET x = 1", "DROP TABLE nosuch", "DROP VIEW a", "DROP TABLE v", "DROP INDEX nosuch",
    "CREATE TABLE a (x)", "CREATE TABLE IF NOT EXISTS a (x)", "CREATE TABLE q (x, x)", "CREATE TABLE q (x PRIMARY KEY, y PRIMARY KEY)", "CREATE TABLE q ()",
    "CREATE INDEX a_x ON a (x)", "CREATE INDEX q ON nosuch (x)", "CREATE INDEX q ON a (nosuch)", "ALTER TABLE nosuch ADD COLUMN q", "ALTER TABLE a ADD COLUMN x",
    "ALTER TABLE a ADD COLUMN q NOT NULL", "ALTER TABLE a DROP COLUMN x", "ALTER TABLE a DROP COLUMN id", "ALTER TABLE a RENAME COLUMN nosuch TO q",
    "SELECT 9007199254740993", "SELECT 9223372036854775807, -9223372036854775808", "SELECT 9223372036854775808", "SELECT 1e999, -1e999", "SELECT 0.1 + 0.2",
    "SELECT x'00ff', x'', zeroblob(3)", "SELECT x'0'", "SELECT 'nul' || char(0) || 'in'", "SELECT cast(x'ff' AS TEXT)", "SELECT 1 / 0, 1 % 0, 1.0 / 0",
    "SELECT abs(-9223372036854775808)", "SELECT 9223372036854775807 + 1", "SELECT sum(9223372036854775807) FROM (SELECT 1 UNION ALL SELECT 2)", "SELECT total(x), sum(x) FROM a",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5) SELECT i FROM n", "SELECT json('{')", "SELECT json_extract('[1,2]', '$[9]')",
    "SELECT value FROM json_each('[1,\"a\",null,1.5]')", "SELECT key, type FROM json_tree('{\"a\":[1]}')", "SELECT row_number() OVER (ORDER BY id) FROM a ORDER BY id",
    "SELECT * FROM f WHERE f MATCH 'a'", "SELECT * FROM f WHERE f MATCH '\"'", "INSERT INTO f VALUES ('a b'), ('c a')", "INSERT INTO r VALUES (1, 2, 3)", "INSERT INTO r VALUES (1, 3, 2)",
    "SELECT * FROM r WHERE x0 < 5 ORDER BY id", "SELECT count(*) FROM b NATURAL JOIN c", "SELECT (SELECT 1, 2)", "SELECT 1 IN (SELECT 1, 2)", "SELECT 1 UNION SELECT 1, 2", "SELECT * ",
    "SELECT max(1)", "SELECT max()", "SELECT nosuch(1)", "SELECT substr('a')", "SELECT count(*) WHERE count(*) > 0", "SELECT x FROM a GROUP BY 9", "SELECT x FROM a ORDER BY 9",
    "SELECT printf('%d %s', 1, 'a')", "SELECT round(2.5), round(-2.5), round(7.25, 1)", "SELECT typeof(1), typeof(1.0), typeof('1'), typeof(x'31'), typeof(NULL)",
    "SELECT '1' + '2', '1a' + 0, 'a' || 1", "SELECT 1 = '1', '1' = 1.0, 'a' < x'61'", "SELECT like('A%', 'abc'), glob('A*', 'abc'), 'abc' LIKE 'A%' ESCAPE 'xx'",
    "INSERT INTO a (id) VALUES ('text')", "INSERT INTO c VALUES ('text', 'v', 1)", "INSERT INTO d (g) VALUES (1)", "INSERT INTO a DEFAULT VALUES", "REPLACE INTO a (id, x) VALUES (1, 2)",
    "SELECT raise(ABORT, 'x')", "SELECT a.* FROM a ORDER BY id LIMIT -1", "SELECT * FROM a LIMIT 'x'", "ANALYZE", "REINDEX",
]; // prettier-ignore

const COLUMNS = { a: ["id", "x", "y", "z"], b: ["k", "v", "a"], c: ["u", "v", "w"], d: ["n", "t"] };
const ROW_IDS = new Set(["id", "n"]);
const UNARY = ["typeof", "length", "hex", "quote", "upper", "lower", "abs", "trim", "unicode", "sign", "ceil", "likely"];
const AGGREGATES = ["count", "min", "max", "group_concat", "json_group_array", "total"];
const FUNCTIONS = ["abs", "round", "hex", "unhex", "quote", "typeof", "length", "octet_length", "upper", "trim", "sqrt", "trunc", "sign", "json", "json_valid", "json_quote", "json_array", "jsonb", "unicode", "concat", "date"]; // prettier-ignore
const OPERATORS = ["+", "-", "*", "/", "%", "||", "=", "<>", "<", ">=", "AND", "OR", "IS", "IS NOT", "LIKE", "GLOB", "&", "|", "<<"];

export class SqlSource {
    constructor(random) {
        this.random = random;
        this.args = null;
    }

    /* Statements that a program begins with: some of the tables. */
    schema() {
        return SCHEMAS.filter((text, i) => i === 0 || this.random.chance(55));
    }

    table() {
        return this.random.pick(["a", "a", "a", "b", "c", "d"]);
    }

    given() {
        this.args.push(parameter(this.random));
        return "?";
    }

    rowId() {
        return this.random.pick(["NULL", "1", "2", "3", "7", String(this.random.below(30)), String(this.random.below(30)), this.literal()]);
    }

    literal() {
        return this.random.pick(["1", "2", "7", "13", "-3", "0", "1.5", "'a'", "'m'", "'zeta'", "NULL", "x'61'", "''", "'13'", "TRUE", "1e3"]);
    }

    expression(columns, depth = 0) {
        const { random } = this;
        const kinds = [
            [4, () => this.literal()],
            [4, () => random.pick(columns)],
            [3, () => this.given()],
        ];
        if (depth < 3) {
            const inner = () => this.expression(columns, depth + 1);
            kinds.push(
                [4, () => `${inner()} ${random.pick(OPERATORS)} ${inner()}`],
                [2, () => `${random.pick(UNARY)}(${inner()})`],
                [1, () => `coalesce(${inner()}, ${inner()})`],
                [2, () => `${random.pick(FUNCTIONS)}(${inner()})`],
                [1, () => `CASE WHEN ${inner()} THEN ${inner()} ELSE ${inner()} END`],
                [1, () => `CAST(${inner()} AS ${random.pick(["TEXT", "INTEGER", "REAL", "BLOB", "NUMERIC"])})`],
                [1, () => `(${inner()} ${random.pick(["IN", "NOT IN"])} (${inner()}, ${inner()}))`],
                [1, () => `(${inner()} BETWEEN ${inner()} AND ${inner()})`],
                [1, () => `(${inner()})`],
            );
        }
        return random.weighted(kinds)();
    }

    where(columns) {
        const { random } = this;
        if (random.chance(35)) return "";
        if (random.chance(50)) return ` WHERE ${random.pick(columns)} ${random.pick(["=", "<", ">", ">=", "IS", "<>"])} ${this.given()}`;
        return ` WHERE ${this.expression(columns)}`;
    }

    order(columns) {
        if (this.random.chance(30)) return "";
        return ` ORDER BY ${columns.map((name) => name + (this.random.chance(20) ? " DESC" : "")).join(", ")}`;
    }

    select() {
        const { random } = this;
        const table = this.table();
        const columns = COLUMNS[table];
        return random.weighted([
            [5, () => `SELECT * FROM ${table}${this.where(columns)}${this.order(columns)}${this.limit()}`],
            [3, () => `SELECT ${random.many(1, 3, () => this.expression(columns)).join(", ")} FROM ${table}${this.where(columns)}${this.order(columns)}`],
            [3, () => `SELECT ${random.pick(AGGREGATES)}(${random.pick(columns)}) FROM (SELECT * FROM ${table}${this.order(columns)})${this.where(columns)}`],
            [1, () => `SELECT ${columns[1]}, count(*) FROM ${table} GROUP BY 1 ORDER BY 1`],
            [1, () => `SELECT a.id, e.${columns[0]} FROM a LEFT JOIN ${table} AS e ON a.x = e.${columns[1]} ORDER BY 1, 2`],
            [1, () => `SELECT ${this.expression(["1", "'t'"])} AS v`],
            [1, () => `SELECT count(*) FROM ${table}`],
            [1, () => `WITH q AS (SELECT * FROM ${table}) SELECT * FROM q${this.order(columns)}`],
            [1, () => `SELECT ${columns[0]} FROM ${table} ${random.pick(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])} SELECT x FROM a ORDER BY 1`],
        ])();
    }

    limit() {
        if (this.random.chance(75)) return "";
        return this.random.chance(50) ? ` LIMIT ${this.random.below(4)}` : ` LIMIT ${this.random.below(4)} OFFSET ${this.random.below(3)}`;
    }

    insert() {
        const { random } = this;
        const table = this.table();
        const columns = COLUMNS[table].filter((name, i) => (i === 0 ? random.chance(60) : random.chance(80)));
        const or = random.chance(25) ? ` OR ${random.pick(["REPLACE", "IGNORE", "ABORT", "FAIL"])}` : "";
        if (columns.length === 0) return `INSERT${or} INTO ${table} DEFAULT VALUES`;
        const one = (name) => (ROW_IDS.has(name) ? this.rowId() : random.chance(70) ? this.given() : this.expression(["1"], 2));
        const row = () => `(${columns.map(one).join(", ")})`;
        let text = `INSERT${or} INTO ${table} (${columns.join(", ")}) VALUES ${random.many(1, 3, row).join(", ")}`;
        if (random.chance(15)) text += ` ON CONFLICT DO ${random.chance(50) ? "NOTHING" : `UPDATE SET ${columns.at(-1)} = excluded.${columns.at(-1)}`}`;
        return this.returning(text, COLUMNS[table]);
    }

    returning(text, columns) {
        if (this.random.chance(85)) return text;
        return `${text} RETURNING ${this.random.chance(50) ? "*" : this.random.pick(columns)}`;
    }

    update() {
        const table = this.table();
        const columns = COLUMNS[table];
        const one = (name) => `${name} = ${ROW_IDS.has(name) ? this.rowId() : this.expression(columns, 1)}`;
        const set = this.random.many(1, 2, () => one(this.random.pick(columns)));
        return this.returning(`UPDATE ${table} SET ${set.join(", ")}${this.where(columns)}`, columns);
    }

    remove() {
        const table = this.table();
        return this.returning(`DELETE FROM ${table}${this.where(COLUMNS[table])}`, COLUMNS[table]);
    }

    schemaChange() {
        return this.random.pick([
            ...SCHEMAS,
            "DROP TABLE IF EXISTS b",
            "DROP TABLE c",
            "DROP INDEX IF EXISTS a_x",
            "DROP VIEW IF EXISTS v",
            "DROP TRIGGER IF EXISTS a_d",
            "ALTER TABLE c ADD COLUMN extra DEFAULT 5",
            "ALTER TABLE d RENAME TO e",
            "ALTER TABLE e RENAME TO d",
            "ALTER TABLE c RENAME COLUMN w TO ww",
            "ALTER TABLE c DROP COLUMN w",
            "DROP TABLE d",
        ]);
    }

    /* A token less, one twice, or another one in its place. */
    damaged(text) {
        const { random } = this;
        const tokens = text.split(/(\s+|[(),;])/);
        const at = random.below(tokens.length);
        const change = random.pick([[], [tokens[at], tokens[at]], [random.pick(["(", ")", ",", "FROM", "nosuch", "?", ";", "'", "1", "WHERE"])]]);
        tokens.splice(at, 1, ...change);
        return tokens.join("");
    }

    plain() {
        return this.random.weighted([
            [10, () => this.insert()],
            [12, () => this.select()],
            [4, () => this.update()],
            [3, () => this.remove()],
            [2, () => this.schemaChange()],
            [5, () => this.random.pick(ODD)],
            [1, () => this.random.pick(PRAGMAS)],
            [1, () => this.random.pick(FORBIDDEN)],
        ])();
    }

    statement() {
        const { random } = this;
        this.args = [];
        let text = this.plain();
        if (random.chance(4)) {
            const last = this.args;
            this.args = [];
            text = `${random.chance(80) ? this.schemaChange() : this.plain()}; ${text}`;
            this.args.push(...last);
        }
        if (random.chance(6) && !text.startsWith("PRAGMA")) text = this.damaged(text);
        if (text.includes(";")) text = text.replaceAll("RETURNING", "RETURN"); // nobody could read its rows
        const args = this.args;
        if (random.chance(2)) args.push(parameter(random));
        if (random.chance(2)) args.pop();
        return { text, args };
    }
}
