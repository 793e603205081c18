/*
 * Differences that are meant
 *
 * Each has its reason, and words of docs/compat.md, where users read of it: the runner looks whether they are there. `matches`
 * gets the step and what it said on workerd and on Dormouse. What generate.mjs never makes, because what follows would differ
 * too, is not here but where it is left out.
 */

export const differences = [];

export function meant(step, workerd, dormouse) {
    return differences.find((difference) => difference.matches(step, workerd, dormouse));
}
