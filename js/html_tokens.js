/*
 * HTML tokens
 *
 * Cuts a stream of HTML text into tags, text, comments and doctypes without building a tree. What is not
 * complete yet stays in `rest`. Every token keeps its source, so that what nobody changes comes out as
 * it went in.
 */

/* Elements whose content is text up to their own end tag. */
const RAW_TEXT = new Set(["script", "style", "xmp", "iframe", "noembed", "noframes", "textarea", "title"]);

const ATTRIBUTE = /([^\s/>=][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?/g;

/** Where a tag that starts at `start` ends (the index behind ">"), or -1: quotes may hide a ">". */
function endOfTag(text, start) {
  let quote = "";
  let afterEquals = false;
  for (let i = start; i < text.length; i++) {
    const c = text[i];
    if (quote !== "") {
      if (c === quote) quote = "";
    } else if (c === ">") {
      return i + 1;
    } else if ((c === '"' || c === "'") && afterEquals) {
      quote = c;
      afterEquals = false;
    } else if (c === "=") {
      afterEquals = true;
    } else if (!/\s/.test(c)) {
      afterEquals = false;
    }
  }
  return -1;
}

export class Tokenizer {
  rest = "";
  rawName = null; /* inside an element of raw text: its name */

  /** Complete tokens of what was fed so far; with `last` everything. */
  *feed(text, last) {
    this.rest += text;
    for (;;) {
      const token = this.rawName === null ? this.next(last) : this.nextRaw(last);
      if (token === null) return;
      this.rest = this.rest.slice(token.source.length);
      yield token;
    }
  }

  next(last) {
    const text = this.rest;
    if (text === "") return null;
    const at = text.search(/<[a-zA-Z/!?]/);
    if (at !== 0) {
      /* Text up to the next markup. A "<" at the very end may yet become some. */
      let end = at < 0 ? text.length : at;
      if (at < 0 && !last && text.endsWith("<")) end--;
      return end === 0 ? null : { kind: "text", source: text.slice(0, end) };
    }
    const token = this.markup(text);
    if (token !== null) return token;
    return last ? { kind: "text", source: text } : null;
  }

  markup(text) {
    if (text.startsWith("<!--")) {
      /* "<!-->" and "<!--->" are whole comments. */
      const short = /^<!--(-?)>/.exec(text);
      if (short !== null) return { kind: "comment", source: short[0], text: "" };
      const end = text.indexOf("-->", 4);
      return end < 0 ? null : { kind: "comment", source: text.slice(0, end + 3), text: text.slice(4, end) };
    }
    if (text.length < 4 && "<!--".startsWith(text)) return null;
    if (text[1] === "!" || text[1] === "?" || (text[1] === "/" && text.length > 2 && !/[a-zA-Z]/.test(text[2]))) {
      const end = text.indexOf(">");
      if (end < 0) return null;
      const source = text.slice(0, end + 1);
      if (/^<!doctype/i.test(source)) return { kind: "doctype", source };
      return { kind: "comment", source, text: source.slice(2, -1) };
    }
    const end = endOfTag(text, 1);
    if (end < 0) return null;
    const source = text.slice(0, end);
    const closing = text[1] === "/";
    const name = /^<\/?([^\s/>]*)/.exec(source)[1];
    if (closing) return { kind: "end", source, name: name.toLowerCase(), written: name };
    const selfClosing = source.endsWith("/>");
    const lower = name.toLowerCase();
    if (RAW_TEXT.has(lower)) this.rawName = lower;
    else if (lower === "plaintext") this.rawName = "\0";
    const attributes = parseAttributes(source.slice(1 + name.length, selfClosing ? -2 : -1));
    return { kind: "start", source, name: lower, written: name, selfClosing, attributes };
  }

  nextRaw(last) {
    const text = this.rest;
    if (text === "") return null;
    const close = new RegExp(`</${this.rawName}(?=[\\s/>])`, "i").exec(text);
    if (close !== null && close.index === 0) {
      this.rawName = null;
      const token = this.markup(text);
      if (token !== null) return token;
      if (last) return { kind: "text", source: text };
      this.rawName = text.slice(2, /[\s/>]/.exec(text.slice(2)).index + 2).toLowerCase();
      return null;
    }
    let end = close === null ? text.length : close.index;
    if (close === null && !last) {
      /* Keep what may be the beginning of the end tag. */
      const open = text.lastIndexOf("<");
      if (open >= 0 && text.length - open <= this.rawName.length + 2) end = open;
    }
    return end === 0 ? null : { kind: "text", source: text.slice(0, end) };
  }
}

function parseAttributes(text) {
  const attributes = [];
  for (const [source, name, double, single, bare] of text.matchAll(ATTRIBUTE)) {
    const lower = name.toLowerCase();
    if (attributes.some((other) => other.name === lower)) continue;
    attributes.push({ name: lower, written: name, value: double ?? single ?? bare ?? "", source });
  }
  return attributes;
}
