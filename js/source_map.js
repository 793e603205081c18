/*
 * Source maps, from @jridgewell/trace-mapping
 */

export { TraceMap, originalPositionFor } from "@jridgewell/trace-mapping";
