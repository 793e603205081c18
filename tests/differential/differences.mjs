/*
 * Differences that are meant
 *
 * Each has its reason, and words of docs/compat.md, where users read of it: the runner looks whether they are there. `matches`
 * gets the step and what it said on workerd and on Dormouse. What generate.mjs never makes, because what follows would differ
 * too, is not here but where it is left out; after a difference that `ends` a program the rest of it is not compared.
 */

export const differences = [
    {
        name: "a deferred constraint says that the object was reset",
        documented: "An object that a violated deferred constraint resets",
        matches: (step, workerd, dormouse) =>
            /constraints were violated/.test(workerd) && workerd.replace(',"remote":true', ',"remote":true,"durableObjectReset":true') === dormouse,
        ends: true, /* how much is kept of what nobody was told differs */
    },
    {
        name: "words of the engine",
        documented: "The words of errors that come from the language itself",
        matches: (step, workerd, dormouse) => /Cannot convert object to primitive value/.test(workerd) && /No default value/.test(dormouse),
    },
    {
        name: "a comment at the end",
        documented: "A comment behind the last semicolon",
        matches: (step, workerd, dormouse) => /SQL code did not contain a statement/.test(workerd) && /--|\/\*|;\s*;/.test(step.args?.[0]),
        ends: true,
    },
    {
        name: "a fault of workerd's",
        documented: "Where workerd fails",
        matches: (step, workerd) => /internal error; reference =/.test(workerd),
        ends: true,
    },
    {
        name: "a row that only one had read before a rollback",
        documented: "A cursor that has failed",
        matches: (step, workerd, dormouse) => step.do === "move" && /abort due to ROLLBACK/.test(workerd + dormouse),
        ends: true,
    },
    {
        name: "the size of the database",
        documented: "`databaseSize` may differ",
        matches: (step, workerd, dormouse) => step.do === "size" && Number(dormouse) > 0,
    },
    {
        name: "an iterator that had ended, of keys that were only deleted",
        documented: "`databaseSize` may differ",
        matches: (step, workerd, dormouse) => /iterator was invalidated/.test(workerd) && /"done":true/.test(dormouse),
        ends: true,
    },
    {
        name: "DROP TABLE beside a SELECT of one row",
        documented: "A cursor that stands on its last row counts as finished",
        matches: (step, workerd, dormouse) => /database table is locked/.test(workerd) && !/locked/.test(dormouse),
        ends: true,
    },
];

export function meant(step, workerd, dormouse) {
    return differences.find((difference) => difference.matches(step, workerd, dormouse));
}
