/*
 * What RPC carries
 *
 * Arguments and results are structured clones (serialize.js) in which some things are not copied but
 * referred to (platform.md §2.4.7): the bytes have a number where such a thing stands, and boxes travel
 * beside them (api/rpc.h). A function or an RpcTarget becomes a target of whoever sends it and a stub
 * where it arrives; a stub is passed on; the bytes of a stream go through a pipe; what is written to a
 * WritableStream is a call of its owner for each chunk, so that the writer waits for the sink. Requests,
 * responses and stubs of objects are copied by their parts.
 *
 * A parcel is a value on its way out. What was made for it only is given back when it is sent, because
 * the cargo that C made of it counts for itself, or when it turns out that it cannot be sent.
 */

import { natives } from "./natives.js";
import { compat } from "./compat.js";
import { dataCloneError, deserialize, NO_SIGNALS, serialize, setRemoteName } from "./serialize.js";
import { innerOf } from "./body.js";
import { encodeUtf8 } from "./encoding.js";
import { isRequest, requestFromNative, requestSignal, requestToNative } from "./request.js";
import { isResponse, responseFromNative, responseToNative } from "./response.js";
import { isLoaded } from "./late.js";
import { BODY_BYTES, BODY_NONE, BODY_PIPE, BODY_STRING, isReadableStream, readableStreamFromPipe, streamFromBytes, streamLength, streams, takeSource } from "./streams.js";
import { isBufferSource, platformClass } from "./webidl.js";
import { RpcTarget } from "./cf_base.js";
import { makeServiceStub } from "./cf_namespace.js";
import { remoteName, sources } from "./cf_rpc.js";

const SIZE_MAX = 32 * 1024 * 1024;
const EMBEDDED_MAX = 64 * 1024; // content up to this size travels with the value
const WRITE_MAX = 8 * 1024 * 1024; // of one call; larger chunks are cut

/* Numbers of host objects in the bytes. */
const STUB = 0;
const SERVICE = 1;
const READABLE = 2;
const WRITABLE = 3;
const REQUEST = 4;
const RESPONSE = 5;

const PREMATURE = "ReadableStream received over RPC disconnected prematurely.";
const WRITER_GONE = "WritableStream received over RPC was disconnected because the remote execution context has ended.";
const TOO_MANY = "Too many RPC stubs are in use. Dispose of those that are not needed any more.";
const READER_LOCKED = "The ReadableStream has been locked to a reader.";

/** Makes the stub of a reference; cf_rpc_late.js. */
let makeStub;
/** The class of what is of RPC and no stub, and cannot travel. */
let nameUnsendable;

export function setStubMakers(makers) {
  ({ makeStub, nameUnsendable } = makers);
}

setRemoteName((value) => remoteName(value) ?? nameUnsendable(value));

/** The right to call something that belongs to another context, until it is disposed of. */
export class Reference {
  box;

  constructor(box) {
    this.box = box;
  }

  dispose() {
    if (this.box === undefined) return;
    natives.rpc_drop(this.box);
    this.box = undefined;
  }
}

/* -- out ---------------------------------------------------------------------------------------- */

class Parcel {
  bytes = undefined;
  boxes = undefined;
  /* Most parcels have none of these. */
  made = undefined; // boxes of targets that exist for this parcel only
  moved = undefined; // references that go over to the receiver
  pumps = undefined; // streams that begin to flow when it is sent

  constructor(moves, isResult) {
    this.moves = moves;
    this.isResult = isResult;
  }

  add(box) {
    this.boxes ??= [];
    return this.boxes.push(box) - 1;
  }

  addTarget(record) {
    const box = natives.rpc_target(record);
    (this.made ??= []).push(box);
    return this.add(box);
  }

  addReference(reference) {
    if (reference.box === undefined) return -1;
    if (this.moves) (this.moved ??= []).push(reference);
    return this.add(reference.box);
  }

  addPump(stream) {
    const pipe = natives.pipe_create();
    (this.pumps ??= []).push(() => pump(stream, pipe));
    return this.add(pipe);
  }

  /** It is on its way. */
  sent() {
    this.kept();
    this.moved?.forEach((reference) => reference.dispose());
    this.pumps?.forEach((start) => start());
  }

  /** It will not be. */
  kept() {
    this.made?.forEach((box) => natives.rpc_drop(box));
  }
}

let open = null; // the parcel that is being written

/**
 * A parcel of `value`. `moves`: stubs in it belong to the receiver from now on, as those of a result
 * do, and those of arguments did before rpc_params_dup_stubs (§2.4.9).
 */
function pack(value, moves, isResult) {
  const before = open;
  const parcel = new Parcel(moves, isResult);
  open = parcel;
  try {
    parcel.bytes = serialize(value, "rpc", describeHost);
    if (parcel.bytes.byteLength > SIZE_MAX)
      throw new Error(`Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: ${parcel.bytes.byteLength} bytes.`);
    if (isResult) addDisposer(value, parcel);
    return parcel;
  } catch (error) {
    parcel.kept();
    throw error;
  } finally {
    open = before;
  }
}

export function packArguments(args) {
  return pack(args, !compat.flags.rpcParamsDupStubs, false);
}

export function packResult(value) {
  return pack(value, true, true);
}

/* Disposing of a result calls the result's own disposer where it was made. */
function addDisposer(value, parcel) {
  if (value === null || typeof value !== "object" || value instanceof RpcTarget || sources.has(value)) return;
  const dispose = value[Symbol.dispose];
  if (typeof dispose !== "function") return;
  if (!disposers.has(dispose) || disposers.get(dispose).hidden) parcel.addTarget({ value: { [Symbol.dispose]: () => dispose.call(value) } });
}

/** Calls send(bytes, boxes) with a parcel. */
export function send(parcel, give) {
  let answer;
  try {
    answer = give(parcel.bytes, parcel.boxes);
  } catch (error) {
    parcel.kept();
    throw error;
  }
  parcel.sent();
  return answer;
}

/* For serialize(): [number, fields] of what is not simply copied. `holder` is the object it is a property of. */
function describeHost(value, holder) {
  if (typeof value === "function") return describeFunction(value, holder);
  if (value instanceof RpcTarget) return [STUB, open.addTarget({ value: duplicate(value, "RcpTarget", "RpcTarget", (x) => x instanceof RpcTarget) })];
  const source = sources.get(value);
  if (source !== undefined) return source.describe === undefined ? undefined : [SERVICE, source.describe()];
  if (isRequest(value)) return [REQUEST, describeRequest(value)];
  if (isResponse(value) && value.type !== "error") return [RESPONSE, describeResponse(value)];
  if (isReadableStream(value)) return [READABLE, describeReadable(value)];
  if (isLoaded(streams) && value instanceof streams().WritableStream && platformClass(value) === "WritableStream") return [WRITABLE, describeWritable(value)];
  return undefined;
}

function describeFunction(value, holder) {
  const source = sources.get(value);
  if (source instanceof Reference) return [STUB, open.addReference(source)];
  const name = source === undefined ? nameUnsendable(value) : remoteName(value);
  if (name !== undefined) throw dataCloneError(`Could not serialize object of type "${name}". This type does not support serialization.`);
  return [STUB, open.addTarget({ value: duplicate(value, "function", "function", (x) => typeof x === "function"), holder })];
}

/* An argument that knows how to be there twice is asked to. */
function duplicate(value, what, type, fits) {
  if (open.isResult || open.moves || typeof value.dup !== "function") return value;
  const copy = value.dup();
  if (fits(copy)) return copy;
  const article = type === "function" ? "a" : "an";
  throw dataCloneError(
    `Couldn't create a stub for the ${what} because it has a dup() method which did not return another ${type}. Either remove the dup() method or make sure it returns ${article} ${type}.`,
  );
}

/* A view of part of a buffer would take the whole of it along. */
function wholeBuffer(bytes) {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}

/* Content as null, bytes or [index of a box, length]. */
function describeContent(kind, data, length) {
  if (kind === BODY_NONE) return null;
  if (kind === BODY_PIPE) return [open.add(data), length];
  if (kind === BODY_STRING || kind === BODY_BYTES) {
    const bytes = kind === BODY_STRING ? encodeUtf8(data) : data;
    return bytes.byteLength <= EMBEDDED_MAX ? wholeBuffer(bytes) : [open.addPump(streamFromBytes(bytes)), bytes.byteLength];
  }
  return [open.addPump(data), length];
}

function describeReadable(stream) {
  if (stream.locked) throw new TypeError(READER_LOCKED);
  const length = streamLength(stream);
  const source = takeSource(stream);
  return source === null ? describeContent(undefined, stream, length) : describeContent(source.kind, source.data, length);
}

/* The body of a message can be taken once. */
function describeMessage(message, take) {
  if (message.bodyUsed || innerOf(message).stream?.locked) throw new TypeError(READER_LOCKED);
  return take();
}

function describeRequest(request) {
  if (requestSignal(request) !== null) throw dataCloneError(NO_SIGNALS);
  return describeMessage(request, () =>
    requestToNative(request, (method, url, block, kind, data, redirect, cf, _signal, length) => [
      method,
      url,
      block,
      describeContent(kind, data, length),
      redirect,
      cf,
      request.cache,
    ]),
  );
}

function describeResponse(response) {
  if (response.webSocket !== null) throw dataCloneError('Could not serialize object of type "WebSocket". This type does not support serialization.');
  return describeMessage(response, () =>
    responseToNative(response, (status, statusText, block, kind, data, _webSocket, encodeBody, length) => [
      status,
      statusText,
      block,
      describeContent(kind, data, length),
      response.url,
      encodeBody,
      response.cf,
    ]),
  );
}

async function pump(stream, pipe) {
  const reader = stream.getReader();
  for (;;) {
    let chunk;
    try {
      const { done, value } = await reader.read();
      if (done) break;
      chunk = typeof value === "string" ? encodeUtf8(value) : value;
      if (!isBufferSource(chunk)) throw new TypeError("This ReadableStream did not return bytes.");
    } catch (error) {
      natives.pipe_abort(pipe, PREMATURE);
      reader.cancel(error).catch(() => {});
      return;
    }
    try {
      if (chunk.byteLength > 0) await natives.pipe_write(pipe, chunk);
    } catch (error) {
      reader.cancel(error).catch(() => {});
      return;
    }
  }
  natives.pipe_close(pipe);
}

/* Where the chunks of a WritableStream that went away are written. */
class Sink extends RpcTarget {
  #writer;
  #over = false;

  constructor(writer) {
    super();
    this.#writer = writer;
  }

  async write(chunk) {
    await this.#writer.write(chunk);
  }

  async close() {
    this.#over = true;
    await this.#writer.close();
  }

  async abort() {
    if (this.#over) return;
    this.#over = true;
    await this.#writer.abort(new Error(WRITER_GONE)).catch(() => {});
  }

  [Symbol.dispose]() {
    this.abort();
  }
}

function describeWritable(stream) {
  if (stream.locked) throw new TypeError("This WritableStream is currently locked to a writer.");
  const writer = stream.getWriter();
  writer.closed.catch(() => {}); // whoever writes hears of it
  return open.addTarget({ value: new Sink(writer) });
}

/* -- in ----------------------------------------------------------------------------------------- */

/** A value that arrived, and the references that came with it. */
export class Arrival {
  value = undefined;
  references = undefined; // most have none
  hidden = false; // some of them are disposers of the sender's

  add(reference) {
    (this.references ??= []).push(reference);
    return reference;
  }

  dispose() {
    this.references?.forEach((reference) => reference.dispose());
  }
}

let reading = null; // { boxes, used, arrival }

/* Disposers that results were given here → their arrivals. */
const disposers = new WeakMap();

/** What `answer` has, which is BYTES or [BYTES, boxes]. */
export function unpack(answer) {
  return Array.isArray(answer) ? unpackParts(answer[0], answer[1]) : unpackParts(answer, undefined);
}

export function unpackParts(bytes, boxes) {
  const before = reading;
  const arrival = new Arrival();
  const used = boxes === undefined ? null : new Set();
  reading = { boxes, used, arrival };
  try {
    arrival.value = deserialize(bytes, readHost);
    boxes?.forEach((box, index) => {
      if (used.has(index) || box === null) return;
      arrival.hidden = true;
      arrival.add(new Reference(box));
    });
    return arrival;
  } catch (error) {
    boxes?.forEach((box, index) => {
      if (!used.has(index) && box !== null) new Reference(box).dispose();
    });
    arrival.dispose();
    throw error;
  } finally {
    reading = before;
  }
}

function makeDisposer(arrival) {
  return () => arrival.dispose();
}

/** The value of a result, which can be disposed of (§2.4.9). */
export function disposable(arrival) {
  const { value } = arrival;
  if (value === null || typeof value !== "object" || sources.has(value)) return value;
  const dispose = makeDisposer(arrival);
  disposers.set(dispose, arrival);
  Object.defineProperty(value, Symbol.dispose, { value: dispose, writable: true, enumerable: false, configurable: true });
  return value;
}

function takeBox(index) {
  reading.used.add(index);
  const box = reading.boxes[index];
  if (box === null) throw new Error(TOO_MANY);
  return box;
}

function readHost(number, read) {
  const fields = read();
  switch (number) {
    case STUB:
      return readStub(fields);
    case SERVICE:
      return makeServiceStub(...fields);
    case READABLE:
      return readContent(fields, streamFromBytes, readableStreamFromPipe);
    case WRITABLE:
      return writableStreamTo(new Reference(takeBox(fields)));
    case REQUEST:
      return readRequest(fields);
    case RESPONSE:
      return readResponse(fields);
    default:
      throw dataCloneError("Unable to deserialize cloned data.");
  }
}

function readStub(index) {
  return makeStub(reading.arrival.add(new Reference(index < 0 ? undefined : takeBox(index))));
}

function readContent(content, fromBytes, fromPipe) {
  return content instanceof Uint8Array ? fromBytes(content) : fromPipe(takeBox(content[0]), content[1]);
}

/* A body as requestFromNative() takes it; its length is told to `inner` when it is known. */
function readBody(content) {
  return content === null ? null : readContent(content, (bytes) => bytes, (box) => box);
}

function finishMessage(message, content, more) {
  const inner = innerOf(message);
  inner.immutable = false;
  if (Array.isArray(content)) inner.length = content[1];
  Object.assign(inner, more);
  return message;
}

function readRequest([method, url, block, content, redirect, cf, cache]) {
  return finishMessage(requestFromNative(method, url, block, readBody(content), cf), content, { redirect, cache });
}

function readResponse([status, statusText, block, content, url, encodeBody, cf]) {
  return finishMessage(responseFromNative(status, statusText, block, readBody(content), url, null, cf), content, { encodeBody });
}

function bytesToWrite(chunk) {
  if (typeof chunk === "string") return encodeUtf8(chunk);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError("This WritableStream only accepts bytes: chunks must be ArrayBuffers, views of them, or strings.");
}

/* A stream whose sink is in another context: a chunk is written when its owner has written it. */
function writableStreamTo(reference) {
  const call = (method, args) => reference.call([method], args);
  return new (streams().WritableStream)(
    {
      async write(chunk) {
        try {
          const bytes = bytesToWrite(chunk);
          for (let at = 0; at < bytes.byteLength; at += WRITE_MAX) await call("write", [bytes.slice(at, at + WRITE_MAX).buffer]);
        } catch (error) {
          reference.dispose(); // the stream is of no use any more
          throw error;
        }
      },
      async close() {
        await call("close", []).finally(() => reference.dispose());
      },
      async abort() {
        await call("abort", []).catch(() => {});
        reference.dispose();
      },
    },
    { highWaterMark: 1 },
  );
}
