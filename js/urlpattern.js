/*
 * URLPattern, from urlpattern-polyfill
 */

import { URLPattern } from "urlpattern-polyfill/urlpattern";
import { exposeClass } from "./webidl.js";

exposeClass(URLPattern);

export { URLPattern };
