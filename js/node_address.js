/*
 * Addresses of node:net: isIP() and its kind, SocketAddress, BlockList
 */

import { codedError, invalidType, invalidValue, outOfRange, requireString } from "./node_errors.js";

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]\\d|\\d)";
const IPV4 = new RegExp(`^(?:${OCTET}\\.){3}${OCTET}$`);
const IPV6_CHARACTERS = /^[\da-f:.]+$/i;
const IPV6_ZONE = /%[\da-z.:-]+$/i;

export function isIPv4(input) {
  return IPV4.test(`${input}`);
}

export function isIPv6(input) {
  const text = `${input}`.replace(IPV6_ZONE, "");
  if (!IPV6_CHARACTERS.test(text)) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  let count = 0;
  for (const [place, half] of halves.entries()) {
    if (half === "") {
      if (halves.length === 1) return false;
      continue;
    }
    const groups = half.split(":");
    const isLast = place === halves.length - 1;
    for (const [i, group] of groups.entries()) {
      const isTail = isLast && i === groups.length - 1;
      if (isTail && group.includes(".")) {
        if (!IPV4.test(group)) return false;
        count += 2;
      } else if (/^[\da-f]{1,4}$/i.test(group)) {
        count++;
      } else {
        return false;
      }
    }
  }
  return halves.length === 2 ? count < 8 : count === 8;
}

export function isIP(input) {
  if (isIPv4(input)) return 4;
  return isIPv6(input) ? 6 : 0;
}

/* -- SocketAddress ------------------------------------------------------------------------------ */

const FAMILIES = ["ipv4", "ipv6"];

/* "ipv4" or "ipv6" of what may be written in any case. */
function toFamily(family, name) {
  requireString(family, name);
  const lower = family.toLowerCase();
  if (!FAMILIES.includes(lower)) throw invalidValue(name, family, "must be one of: 'ipv4', 'ipv6'");
  return lower;
}

const isOf = (family, address) => (family === "ipv4" ? isIPv4(address) : isIPv6(address));

export class SocketAddress {
  #address;
  #port;
  #family;
  #flowlabel;

  constructor(options = {}) {
    if (typeof options !== "object" || options === null) throw invalidType("options", "of type object", options);
    this.#family = toFamily(options.family ?? "ipv4", "options.family");
    this.#address = options.address ?? (this.#family === "ipv4" ? "127.0.0.1" : "::");
    this.#port = options.port ?? 0;
    this.#flowlabel = options.flowlabel ?? 0;
    requireString(this.#address, "options.address");
    if (!Number.isInteger(this.#port) || this.#port < 0 || this.#port > 65535)
      throw codedError(Error, "ERR_SOCKET_BAD_PORT", `options.port should be >= 0 and < 65536. Received ${typeof this.#port}.`);
    if (!Number.isInteger(this.#flowlabel) || this.#flowlabel < 0 || this.#flowlabel > 0xfffff)
      throw outOfRange("options.flowlabel", ">= 0 && <= 1048575", this.#flowlabel);
    if (!isOf(this.#family, this.#address)) throw codedError(TypeError, "ERR_INVALID_ADDRESS", "Invalid socket address");
  }

  get address() {
    return this.#address;
  }

  get port() {
    return this.#port;
  }

  get family() {
    return this.#family;
  }

  get flowlabel() {
    return this.#flowlabel;
  }

  toJSON() {
    return { address: this.#address, port: this.#port, family: this.#family, flowlabel: this.#flowlabel };
  }

  static isSocketAddress(value) {
    return typeof value === "object" && value !== null && #address in value;
  }

  /** Of "1.2.3.4:80" or "[::1]:80"; undefined if it is neither. */
  static parse(input) {
    requireString(input, "input");
    const match = /^(?:\[(?<six>[^\]]+)\]|(?<four>[\d.]+))(?::(?<port>\d{1,5}))?$/.exec(input);
    if (match === null) return undefined;
    const { six, four, port } = match.groups;
    const number = port === undefined ? 0 : Number(port);
    if (number > 65535 || !(six === undefined ? isIPv4(four) : isIPv6(six))) return undefined;
    return new SocketAddress({ address: six ?? four, port: number === 80 ? 0 : number, family: six === undefined ? "ipv4" : "ipv6" });
  }
}

/* -- BlockList ---------------------------------------------------------------------------------- */

const BITS = { ipv4: 32, ipv6: 128 };
const MAPPED = 0xffffn << 32n; /* ::ffff:0:0/96 */

const four = (address) => address.split(".").reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);

function six(address) {
  let text = address.replace(IPV6_ZONE, "");
  const tail = /[\d.]*$/.exec(text)[0];
  if (tail.includes(".")) {
    const value = four(tail);
    text = `${text.slice(0, -tail.length)}${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  }
  const [head, rest] = text.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const groups = rest === undefined ? head : [...head, ...Array(8 - head.length - rest.length).fill("0"), ...rest];
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

const valueOf = (family, address) => (family === "ipv4" ? four(address) : six(address));
const label = (family) => (family === "ipv4" ? "IPv4" : "IPv6");

/* { family, address } of an address or a SocketAddress. */
function toAddress(address, family, name) {
  if (SocketAddress.isSocketAddress(address)) return { family: address.family, address: address.address };
  requireString(address, name);
  const kind = toFamily(family, "family");
  if (!isOf(kind, address)) throw codedError(TypeError, "ERR_INVALID_IP_ADDRESS", `Invalid IP address: Invalid ${label(kind)} address`);
  return { family: kind, address };
}

export class BlockList {
  #rules = []; /* { text, family, low, high }, newest last */

  #add(text, family, low, high) {
    this.#rules.push({ text, family, low, high });
  }

  addAddress(address, family = "ipv4") {
    const it = toAddress(address, family, "address");
    const value = valueOf(it.family, it.address);
    this.#add(`Address: ${label(it.family)} ${it.address}`, it.family, value, value);
  }

  addRange(start, end, family = "ipv4") {
    const from = toAddress(start, family, "start");
    const to = toAddress(end, family, "end");
    const low = valueOf(from.family, from.address);
    const high = valueOf(to.family, to.address);
    if (low > high) throw invalidValue("start", start, "must come before end");
    this.#add(`Range: ${label(from.family)} ${from.address}-${to.address}`, from.family, low, high);
  }

  addSubnet(net, prefix, family = "ipv4") {
    const it = toAddress(net, family, "net");
    const bits = BITS[it.family];
    if (typeof prefix !== "number") throw invalidType("prefix", "of type number", prefix);
    if (!Number.isInteger(prefix) || prefix < 0 || prefix > bits) throw outOfRange("prefix", `between 0 and ${bits}`, prefix);
    const free = (1n << BigInt(bits - prefix)) - 1n;
    const value = valueOf(it.family, it.address);
    this.#add(`Subnet: ${label(it.family)} ${it.address}/${prefix}`, it.family, value & ~free, value | free);
  }

  check(address, family = "ipv4") {
    let it;
    try {
      it = toAddress(address, family, "address");
    } catch (error) {
      if (error.code === "ERR_INVALID_IP_ADDRESS") return false;
      throw error;
    }
    const value = valueOf(it.family, it.address);
    const isMapped = it.family === "ipv6" && value >> 32n === MAPPED >> 32n;
    const covers = (kind, wanted) => this.#rules.some(({ family: of, low, high }) => of === kind && low <= wanted && wanted <= high);
    return covers(it.family, value) || (isMapped && covers("ipv4", value & 0xffffffffn));
  }

  get rules() {
    return this.#rules.map(({ text }) => text);
  }

  toJSON() {
    return this.rules;
  }

  /** What toJSON() gave, or its text. */
  fromJSON(rules) {
    for (const rule of typeof rules === "string" ? JSON.parse(rules) : rules) {
      const match = /^(Address|Range|Subnet): (IPv[46]) ([^-/]+)(?:[-/](.+))?$/.exec(rule);
      if (match === null) throw invalidValue("rules", rules);
      const [, kind, family, first, second] = match;
      if (kind === "Address") this.addAddress(first, family);
      else if (kind === "Range") this.addRange(first, second, family);
      else this.addSubnet(first, Number(second), family);
    }
  }

  static isBlockList(value) {
    return typeof value === "object" && value !== null && #rules in value;
  }
}
