/*
 * Serialised values
 *
 * Values as bytes, in the wire format of V8's ValueSerializer, version 15, so that storage written by
 * Cloudflare's open-source runtime can be read and the other way round. Versions 13 and 14 are read too;
 * data without a header is taken for 13.
 *
 *     FF 0F            header
 *     one value        a tag byte, then what the tag says; numbers are LEB128 ("varint") or doubles
 *
 *     _ undefined   0 null   T true   F false   I int32 (zigzag)   U uint32   N double   Z bigint
 *     " Latin-1 string   c UTF-16 string, its characters at an even offset (\0 pads)   S UTF-8 string
 *     o … {n  object: keys and values, count       ^i  the i-th object met before
 *     A len … $n len  dense array                  a len … @n len  sparse array     - hole
 *     D date   y true   x false   n number   z bigint   s string (wrapper objects)   R pattern flags
 *     ; … :n  map      ' … ,n  set
 *     B len bytes  ArrayBuffer   ~ len max bytes  resizable   t i  transferred
 *     V kind offset length flags  view of the buffer just before
 *     r … .  error       \ host object: here errors (tag 10) and what the caller of serialize() knows
 *
 * Objects are numbered in the order in which their tags are written.
 */

export const VERSION = 15;
export const VERSION_WITHOUT_HEADER = 13;
export const VERSION_WITH_VIEW_FLAGS = 14;

/* Host object numbers below this one are the platform's own; a caller's are written above. */
export const HOST_ERROR = 10;
export const HOST_CALLER = 32;

export const T_PADDING = 0x00;
export const T_DENSE_END = 0x24; /* $ */
export const T_SET = 0x27; /* ' */
export const T_SET_END = 0x2c; /* , */
export const T_HOLE = 0x2d; /* - */
export const T_ERROR_END = 0x2e; /* . */
export const T_NULL = 0x30; /* 0 */
export const T_MAP_END = 0x3a; /* : */
export const T_MAP = 0x3b; /* ; */
export const T_SPARSE_END = 0x40; /* @ */
export const T_DENSE = 0x41; /* A */
export const T_BUFFER = 0x42; /* B */
export const T_DATE = 0x44; /* D */
export const T_FALSE = 0x46; /* F */
export const T_INT32 = 0x49; /* I */
export const T_DOUBLE = 0x4e; /* N */
export const T_REGEXP = 0x52; /* R */
export const T_UTF8 = 0x53; /* S */
export const T_TRUE = 0x54; /* T */
export const T_UINT32 = 0x55; /* U */
export const T_VIEW = 0x56; /* V */
export const T_BIGINT = 0x5a; /* Z */
export const T_HOST = 0x5c; /* \ */
export const T_REFERENCE = 0x5e; /* ^ */
export const T_UNDEFINED = 0x5f; /* _ */
export const T_SPARSE = 0x61; /* a */
export const T_TWO_BYTE = 0x63; /* c */
export const T_NUMBER_OBJECT = 0x6e; /* n */
export const T_OBJECT = 0x6f; /* o */
export const T_ERROR = 0x72; /* r */
export const T_STRING_OBJECT = 0x73; /* s */
export const T_TRANSFERRED = 0x74; /* t */
export const T_FALSE_OBJECT = 0x78; /* x */
export const T_TRUE_OBJECT = 0x79; /* y */
export const T_BIGINT_OBJECT = 0x7a; /* z */
export const T_OBJECT_END = 0x7b; /* { */
export const T_RESIZABLE = 0x7e; /* ~ */
export const T_ONE_BYTE = 0x22; /* " */
export const T_VERSION = 0xff;

export const VIEW_KINDS = {
  Int8Array: 0x62,
  Uint8Array: 0x42,
  Uint8ClampedArray: 0x43,
  Int16Array: 0x77,
  Uint16Array: 0x57,
  Int32Array: 0x64,
  Uint32Array: 0x44,
  Float16Array: 0x68,
  Float32Array: 0x66,
  Float64Array: 0x46,
  BigInt64Array: 0x71,
  BigUint64Array: 0x51,
  DataView: 0x3f,
};
export const VIEW_CONSTRUCTORS = new Map(
  Object.entries(VIEW_KINDS)
    .filter(([name]) => globalThis[name] !== undefined)
    .map(([name, kind]) => [kind, globalThis[name]]),
);
export const VIEW_TRACKS_LENGTH = 1;
export const VIEW_OF_RESIZABLE = 2;

export const REGEXP_FLAGS = { g: 1, i: 2, m: 4, y: 8, u: 16, s: 32, d: 128, v: 256 };

/* Prototypes of the `r` form. */
export const ERROR_PROTOTYPES = {
  EvalError: 0x45,
  RangeError: 0x52,
  ReferenceError: 0x46,
  SyntaxError: 0x53,
  TypeError: 0x54,
  URIError: 0x55,
};

/* Error kinds of the host form, in the order of their numbers. */
export const ERROR_TAGS = [
  null,
  "Error",
  "TypeError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "WasmCompileError",
  "WasmLinkError",
  "WasmRuntimeError",
  "WasmSuspendError",
  "EvalError",
  "URIError",
  "AggregateError",
  "SuppressedError",
];
