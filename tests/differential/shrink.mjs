/*
 * Makes a program that fails smaller
 *
 * Delta debugging: parts of the list are left out as long as the rest still fails, parts of half the length after that. Then
 * the same within each transaction that is left.
 */

async function shrinkList(items, fails) {
    for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
        for (let at = items.length - size; at > -size; at -= size) {
            const from = Math.max(at, 0);
            const rest = [...items.slice(0, from), ...items.slice(at + size)];
            if (rest.length < items.length && (await fails(rest))) items = rest;
        }
    }
    return items;
}

async function shrinkInner(steps, fails) {
    for (let i = 0; i < steps.length; i++) {
        if (steps[i].steps === undefined) continue;
        const within = (inner) => steps.with(i, { ...steps[i], steps: inner });
        const inner = await shrinkList(steps[i].steps, (rest) => fails(within(rest)));
        const deeper = await shrinkInner(inner, (rest) => fails(within(rest)));
        steps = within(deeper);
    }
    return steps;
}

export async function shrink(steps, fails) {
    for (;;) {
        const before = JSON.stringify(steps).length;
        steps = await shrinkList(steps, fails);
        steps = await shrinkInner(steps, fails);
        if (JSON.stringify(steps).length === before) return steps;
    }
}
