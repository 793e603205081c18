/*
 * Lists of names and values, which URLSearchParams and FormData are: [name, value, name, value …].
 */

import { makeIteratorClass } from "./webidl.js";

/** The value of the first pair with this name, or null. */
export function firstValue(list, name) {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return list[i + 1];
  return null;
}

export function allValues(list, name) {
  const values = [];
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) values.push(list[i + 1]);
  return values;
}

/** A list in which the first pair with this name has `value`, and no other has the name. */
export function replacePair(list, name, value) {
  const kept = [];
  let placed = false;
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] !== name) kept.push(list[i], list[i + 1]);
    else if (!placed) {
      kept.push(name, value);
      placed = true;
    }
  }
  if (!placed) kept.push(name, value);
  return kept;
}

/** iterate(owner, pick) for a class; `pick` is 0 for names, 1 for values, null for both. The list may change meanwhile. */
export function makePairIterator(className, listOf) {
  const iterate = makeIteratorClass(className, (state) => {
    const list = listOf(state.owner);
    if (state.at >= list.length) return undefined;
    const at = state.at;
    state.at += 2;
    return state.pick === null ? [list[at], list[at + 1]] : list[at + state.pick];
  });
  return (owner, pick) => iterate({ owner, at: 0, pick });
}
