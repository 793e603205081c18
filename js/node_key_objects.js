/*
 * All KeyObjects of node:crypto: so node:util knows one without having that module evaluated.
 */

export const keyObjects = new WeakSet();
