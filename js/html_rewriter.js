/*
 * HTMLRewriter
 *
 * Not in this runtime. The name exists so that programs which only mention it load, and says so when used.
 */

import { exposeClass } from "./webidl.js";

export class HTMLRewriter {
  constructor() {
    throw new Error("HTMLRewriter is not supported by this runtime.");
  }
}

exposeClass(HTMLRewriter);
