/*
 * node:v8: only its serialisation, which is the format of storage
 */

import { serialize, deserialize } from "./serialize.js";
import { Buffer } from "./node_buffer.js";

export default {
  serialize: (value) => Buffer.from(serialize(value, "storage")),
  deserialize: (bytes) => deserialize(bytes),
};
