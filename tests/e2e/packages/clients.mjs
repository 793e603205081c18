/* The packages' own clients, for packages.test.mjs: a module here is resolved here. */

export { default as DocumentClient } from "y-partyserver/provider";
export { Doc } from "yjs";
