/* How often rowsRead and rowsWritten are the same on both, by kind of statement. */

function kindOf(step) {
    if (step === undefined) return "?";
    if (step.do === "move") return "cursor kept";
    const [text] = step.args;
    if (typeof text !== "string") return "?";
    if (/;\s*\S/.test(text)) return "several statements";
    return (/^\s*(create \w+|drop \w+|alter \w+|insert|update|delete|replace|select|with|values|pragma)/i.exec(text)?.[1] ?? "other").toLowerCase();
}

export class RowCounts {
    constructor() {
        this.kinds = new Map();
    }

    note(step, [readThere, writtenThere], [read, written]) {
        const kind = kindOf(step);
        const row = this.kinds.get(kind) ?? { count: 0, read: 0, written: 0, examples: [] };
        this.kinds.set(kind, row);
        row.count++;
        if (read === readThere) row.read++;
        if (written === writtenThere) row.written++;
        if ((read !== readThere || written !== writtenThere) && row.examples.length < 400)
            row.examples.push(`${JSON.stringify(step.args ?? step.name)} read ${read} for ${readThere}, written ${written} for ${writtenThere}`);
    }

    print(examples) {
        const share = (part, whole) => `${((100 * part) / whole).toFixed(1)} %`;
        const rows = [...this.kinds].sort(([, a], [, b]) => b.count - a.count);
        const total = (name) => rows.reduce((sum, [, row]) => sum + row[name], 0);
        const all = total("count");
        if (all === 0) return;
        console.log(`rowsRead equal for ${share(total("read"), all)}, rowsWritten for ${share(total("written"), all)} of ${all} statements`);
        for (const [kind, row] of rows) {
            console.log(`    ${kind.padEnd(20)} ${String(row.count).padStart(6)}  read ${share(row.read, row.count)}, written ${share(row.written, row.count)}`);
            if (examples) for (const example of row.examples.slice(0, 12)) console.log(`        ${example}`);
        }
    }
}
