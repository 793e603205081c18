/*
 * HTMLRewriter
 *
 * Runs handlers over the tags, text and comments of an HTML response while it streams through, after
 * lol-html: no tree is built, end tags close the nearest open element of their name, and what no handler
 * touches passes unchanged. Handlers may be asynchronous; the stream waits for them.
 */

import { exposeClass, finishClass, isObject, toDOMString, makeIteratorClass, INTERNAL } from "./webidl.js";
import { compileSelector } from "./html_selector.js";
import { Tokenizer } from "./html_tokens.js";
import { streams } from "./streams.js";
import { TextDecoder, encodeUtf8 } from "./encoding.js";
import { Response, isResponse } from "./response.js";

const VOID = new Set("area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr".split(" "));
const HTML_NAMESPACE = "http://www.w3.org/1999/xhtml";
const FOREIGN = { svg: "http://www.w3.org/2000/svg", math: "http://www.w3.org/1998/Math/MathML" };

const GONE =
  "This content token is no longer valid. Content tokens are only valid during the execution of the relevant content handler.";

const escapeText = (text) => text.replace(/[&<>]/g, (c) => (c === "&" ? "&amp;" : c === "<" ? "&lt;" : "&gt;"));

function contentOf(content, options) {
  const text = toDOMString(content);
  return options?.html ? text : escapeText(text);
}

/* What handlers did around one token. */
class Changes {
  before = "";
  after = "";
  replacement = null; /* text in the token's place, or null */
  valid = true;
}

let releaseToken, changesOf;

class Token {
  #changes;
  constructor(token, changes) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#changes = changes;
  }
  static {
    releaseToken = (token) => {
      token.#changes.valid = false;
    };
    changesOf = (token) => {
      if (!token.#changes.valid) throw new TypeError(GONE);
      return token.#changes;
    };
  }
  get removed() {
    return changesOf(this).replacement !== null;
  }
  before(content, options) {
    changesOf(this).before += contentOf(content, options);
    return this;
  }
  after(content, options) {
    const changes = changesOf(this);
    changes.after = contentOf(content, options) + changes.after;
    return this;
  }
  replace(content, options) {
    changesOf(this).replacement = contentOf(content, options);
    return this;
  }
  remove() {
    changesOf(this).replacement ??= "";
    return this;
  }
}

class Comment extends Token {
  #state;
  constructor(token, changes, state) {
    super(token, changes);
    this.#state = state;
  }
  get text() {
    changesOf(this);
    return this.#state.text;
  }
  set text(value) {
    changesOf(this);
    const text = toDOMString(value);
    if (text.includes("-->")) throw new TypeError("Parser error: Comment text shouldn't contain a comment-closing sequence.");
    this.#state.text = text;
    this.#state.changed = true;
  }
}

class Text extends Token {
  #text;
  #last;
  constructor(token, changes, text, last) {
    super(token, changes);
    this.#text = text;
    this.#last = last;
  }
  get text() {
    changesOf(this);
    return this.#text;
  }
  get lastInTextNode() {
    return this.#last;
  }
}

class Doctype {
  #parts;
  constructor(token, parts) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#parts = parts;
  }
  get name() {
    return this.#parts.name;
  }
  get publicId() {
    return this.#parts.publicId;
  }
  get systemId() {
    return this.#parts.systemId;
  }
}

class EndTag extends Token {
  #state;
  constructor(token, changes, state) {
    super(token, changes);
    this.#state = state;
  }
  get name() {
    return this.#state.name;
  }
  set name(value) {
    changesOf(this);
    this.#state.name = toDOMString(value);
    this.#state.changed = true;
  }
}

class DocumentEnd {
  #changes;
  constructor(token, changes) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#changes = changes;
  }
  append(content, options) {
    this.#changes.before += contentOf(content, options);
    return this;
  }
}

function checkName(name, what) {
  if (name === "") throw new TypeError(`Parser error: ${what === "tag" ? "Tag" : "Attribute"} name can't be empty.`);
  const bad = (what === "tag" ? /[\s/>]/ : /[\s/>=]/).exec(name);
  if (bad !== null) throw new TypeError(`Parser error: \`${bad[0]}\` character is forbidden in the ${what} name`);
  if (what === "tag" && !/^[a-zA-Z]/.test(name))
    throw new TypeError("Parser error: The first character of the tag name should be an ASCII alphabetical character.");
  return name;
}

class Element extends Token {
  #open; /* the OpenElement */
  constructor(token, changes, open) {
    super(token, changes);
    this.#open = open;
  }
  get tagName() {
    changesOf(this);
    return this.#open.shownName;
  }
  set tagName(value) {
    changesOf(this);
    this.#open.shownName = checkName(toDOMString(value), "tag");
    this.#open.changed = true;
  }
  get namespaceURI() {
    changesOf(this);
    return this.#open.namespace;
  }
  get attributes() {
    changesOf(this);
    return iterateAttributes({ list: this.#open.attributes.map(({ name, value }) => [name, value]), at: 0 });
  }
  getAttribute(name) {
    changesOf(this);
    return this.#open.attribute(toDOMString(name).toLowerCase());
  }
  hasAttribute(name) {
    return this.getAttribute(name) !== null;
  }
  setAttribute(name, value) {
    changesOf(this);
    this.#open.setAttribute(checkName(toDOMString(name), "attribute").toLowerCase(), toDOMString(value));
    return this;
  }
  removeAttribute(name) {
    changesOf(this);
    this.#open.removeAttribute(toDOMString(name).toLowerCase());
    return this;
  }
  prepend(content, options) {
    changesOf(this);
    this.#open.prepended = contentOf(content, options) + this.#open.prepended;
    return this;
  }
  append(content, options) {
    changesOf(this);
    this.#open.appended += contentOf(content, options);
    return this;
  }
  setInnerContent(content, options) {
    changesOf(this);
    this.#open.prepended = contentOf(content, options);
    this.#open.appended = "";
    this.#open.dropContent = true;
    return this;
  }
  remove() {
    super.remove();
    this.#open.dropContent = true;
    this.#open.prepended = "";
    this.#open.appended = "";
    return this;
  }
  replace(content, options) {
    super.replace(content, options);
    this.#open.dropContent = true;
    this.#open.prepended = "";
    this.#open.appended = "";
    return this;
  }
  removeAndKeepContent() {
    changesOf(this).replacement ??= "";
    this.#open.keepContent = true;
    return this;
  }
  onEndTag(handler) {
    changesOf(this);
    if (typeof handler !== "function") throw new TypeError("onEndTag() needs a function.");
    if (this.#open.isVoid) throw new TypeError("Parser error: No end tag.");
    this.#open.endHandlers.push(handler);
    return this;
  }
}

const iterateAttributes = makeIteratorClass("Attributes", (state) => state.list[state.at++]);

for (const [constructor, name] of [[Element, "Element"], [Comment, "Comment"], [Text, "Text"], [Doctype, "Doctype"], [EndTag, "EndTag"], [DocumentEnd, "DocumentEnd"]])
  finishClass(constructor, name);

/* -- the document so far ------------------------------------------------------------------------ */

class OpenElement {
  prepended = "";
  appended = "";
  after = ""; /* goes out behind the end tag */
  dropContent = false;
  keepContent = false;
  tagsRemoved = false;
  changed = false;
  endHandlers = [];
  children = 0;
  childrenOfType = new Map();
  handlers = []; /* entries of the rewriter whose selector it matches */

  constructor(token, parent) {
    this.name = token.name;
    this.shownName = token.name;
    this.attributes = token.attributes;
    this.selfClosing = token.selfClosing;
    this.parent = parent;
    this.namespace = FOREIGN[token.name] ?? (parent?.name === "foreignobject" ? HTML_NAMESPACE : (parent?.namespace ?? HTML_NAMESPACE));
    this.isVoid = this.namespace === HTML_NAMESPACE ? VOID.has(token.name) : token.selfClosing;
    this.position = 0;
    this.positionOfType = 0;
  }

  attribute(name) {
    return this.attributes.find((attribute) => attribute.name === name)?.value ?? null;
  }
  setAttribute(name, value) {
    const found = this.attributes.find((attribute) => attribute.name === name);
    if (found !== undefined) {
      found.value = value;
      found.source = null;
    } else this.attributes.push({ name, written: name, value, source: null });
    this.changed = true;
  }
  removeAttribute(name) {
    this.attributes = this.attributes.filter((attribute) => attribute.name !== name);
    this.changed = true;
  }
  startTag(source) {
    if (!this.changed) return source;
    const attributes = this.attributes.map(
      ({ source, written, value }) => ` ${source ?? `${written}="${value.replaceAll('"', "&quot;")}"`}`,
    );
    return `<${this.shownName}${attributes.join("")}${this.selfClosing ? " /" : ""}>`;
  }
}

class Rewriting {
  #elementHandlers;
  #documentHandlers;
  #tokenizer = new Tokenizer();
  #top = null; /* innermost open element */
  #root = { children: 0, childrenOfType: new Map() };
  #dropping = 0; /* open elements whose content is dropped */
  #inText = false;
  #out = "";

  constructor(elementHandlers, documentHandlers) {
    this.#elementHandlers = elementHandlers;
    this.#documentHandlers = documentHandlers;
  }

  /** Rewritten text for some more input. */
  async feed(text, last) {
    for (const token of this.#tokenizer.feed(text, last)) {
      if (token.kind !== "text") await this.#endText();
      await this.#take(token);
    }
    if (last) await this.#finish();
    const out = this.#out;
    this.#out = "";
    return out;
  }

  #write(text) {
    if (this.#dropping === 0) this.#out += text;
  }

  #take(token) {
    switch (token.kind) {
      case "text":
        this.#inText = true;
        return this.#text(token.source, false);
      case "start":
        return this.#start(token);
      case "end":
        return this.#end(token);
      case "comment":
        return this.#comment(token);
      default:
        return this.#doctype(token);
    }
  }

  async #endText() {
    if (!this.#inText) return;
    this.#inText = false;
    await this.#text("", true);
  }

  /** The functions called `name` of every handler that is concerned: of open elements, of the document. */
  #listeners(name) {
    const concerned = new Set();
    for (let open = this.#top; open !== null; open = open.parent)
      for (const entry of open.handlers) concerned.add(entry);
    return [...this.#elementHandlers.filter((entry) => concerned.has(entry)), ...this.#documentHandlers]
      .map(({ handlers }) => handlers)
      .filter((handlers) => typeof handlers[name] === "function");
  }

  /** Let handlers see a token, then write it with what they did. */
  async #offer(listeners, name, token, changes, source) {
    for (const handlers of listeners) {
      const result = handlers[name](token);
      if (isObject(result)) await result;
    }
    releaseToken(token);
    this.#write(changes.before);
    this.#write(changes.replacement ?? source());
    this.#write(changes.after);
  }

  async #text(text, last) {
    const listeners = this.#listeners("text");
    if (listeners.length === 0) {
      this.#write(text);
      return;
    }
    const changes = new Changes();
    await this.#offer(listeners, "text", new Text(INTERNAL, changes, text, last), changes, () => text);
  }

  async #comment(token) {
    const listeners = this.#listeners("comments");
    if (listeners.length === 0) {
      this.#write(token.source);
      return;
    }
    const changes = new Changes();
    const state = { text: token.text, changed: false };
    const source = () => (state.changed ? `<!--${state.text}-->` : token.source);
    await this.#offer(listeners, "comments", new Comment(INTERNAL, changes, state), changes, source);
  }

  async #doctype(token) {
    const listeners = this.#documentHandlers.filter(({ handlers }) => typeof handlers.doctype === "function");
    if (listeners.length > 0) {
      const match = /^<!doctype\s+([^\s>]+)(?:\s+(public|system)\s*(?:"([^"]*)"|'([^']*)')?\s*(?:"([^"]*)"|'([^']*)')?)?/i.exec(token.source);
      const first = match?.[3] ?? match?.[4] ?? null;
      const second = match?.[5] ?? match?.[6] ?? null;
      const isPublic = match?.[2]?.toLowerCase() === "public";
      const doctype = new Doctype(INTERNAL, {
        name: match?.[1].toLowerCase() ?? null,
        publicId: isPublic ? first : null,
        systemId: isPublic ? second : first,
      });
      for (const { handlers } of listeners) await handlers.doctype(doctype);
    }
    this.#write(token.source);
  }

  async #start(token) {
    const open = new OpenElement(token, this.#top);
    const siblings = this.#top ?? this.#root;
    open.position = ++siblings.children;
    open.positionOfType = (siblings.childrenOfType.get(open.name) ?? 0) + 1;
    siblings.childrenOfType.set(open.name, open.positionOfType);
    open.handlers = this.#elementHandlers.filter(({ matches }) => matches(open));
    const concerned = open.handlers.filter(({ handlers }) => typeof handlers.element === "function");
    const changes = new Changes();
    if (concerned.length > 0) {
      const element = new Element(INTERNAL, changes, open);
      for (const { handlers } of concerned) {
        const result = handlers.element(element);
        if (isObject(result)) await result;
      }
      releaseToken(element);
    }
    this.#write(changes.before);
    this.#write(changes.replacement ?? open.startTag(token.source));
    if (open.isVoid) {
      this.#write(changes.after);
      return;
    }
    open.tagsRemoved = changes.replacement !== null;
    open.after = changes.after;
    this.#write(open.prepended);
    this.#top = open;
    if (open.dropContent && !open.keepContent) this.#dropping++;
  }

  /*
   * An end tag closes the nearest open element of its name and all those inside it that were never closed.
   * As in lol-html they share the one tag there is: each may change it, and of what they want before
   * and behind it the outermost one's stays.
   */
  async #end(token) {
    let open = this.#top;
    while (open !== null && open.name !== token.name) open = open.parent;
    if (open === null) {
      this.#write(token.source);
      return;
    }
    const outside = open.parent;
    const changes = new Changes();
    const state = { name: token.written, changed: false };
    while (this.#top !== outside) await this.#close(this.#top, changes, state);
    this.#write(changes.before);
    this.#write(changes.replacement ?? (state.changed ? `</${state.name}>` : token.source));
    this.#write(changes.after);
  }

  async #close(open, changes, state) {
    this.#leave(open);
    if (open.appended !== "") changes.before = open.appended;
    if (open.after !== "") changes.after = open.after;
    if (open.tagsRemoved) changes.replacement = "";
    if (open.shownName !== open.name) {
      state.name = open.shownName;
      state.changed = true;
    }
    for (const handler of open.endHandlers) {
      const tag = new EndTag(INTERNAL, changes, state);
      const result = handler(tag);
      if (isObject(result)) await result;
      releaseToken(tag);
      changes.valid = true;
    }
  }

  #leave(open) {
    this.#top = open.parent;
    if (open.dropContent && !open.keepContent) this.#dropping--;
  }

  async #finish() {
    await this.#endText();
    while (this.#top !== null) this.#leave(this.#top);
    const changes = new Changes();
    for (const { handlers } of this.#documentHandlers)
      if (typeof handlers.end === "function") await handlers.end(new DocumentEnd(INTERNAL, changes));
    this.#write(changes.before);
  }
}

/* -- the class ---------------------------------------------------------------------------------- */

export class HTMLRewriter {
  #elementHandlers = [];
  #documentHandlers = [];

  on(selector, handlers) {
    if (!isObject(handlers))
      throw new TypeError("Failed to execute 'on' on 'HTMLRewriter': parameter 2 is not of type 'ElementContentHandlers'.");
    this.#elementHandlers.push({ matches: compileSelector(toDOMString(selector)), handlers });
    return this;
  }

  onDocument(handlers) {
    if (!isObject(handlers))
      throw new TypeError("Failed to execute 'onDocument' on 'HTMLRewriter': parameter 1 is not of type 'DocumentContentHandlers'.");
    this.#documentHandlers.push({ handlers });
    return this;
  }

  transform(response) {
    if (!isResponse(response))
      throw new TypeError("Failed to execute 'transform' on 'HTMLRewriter': parameter 1 is not of type 'Response'.");
    if (response.body === null) return response;
    const charset = /charset\s*=\s*"?([^\s;"]+)/i.exec(response.headers.get("content-type") ?? "")?.[1];
    const decoder = new TextDecoder(charset ?? "utf-8");
    const rewriting = new Rewriting(this.#elementHandlers, this.#documentHandlers);
    const step = async (text, last, controller) => {
      const out = await rewriting.feed(text, last);
      if (out !== "") controller.enqueue(encodeUtf8(out));
    };
    const transform = new (streams().TransformStream)({
      transform: (chunk, controller) => step(decoder.decode(chunk, { stream: true }), false, controller),
      flush: (controller) => step(decoder.decode(), true, controller),
    });
    const result = new Response(response.body.pipeThrough(transform), response);
    result.headers.delete("content-length");
    return result;
  }
}

exposeClass(HTMLRewriter);
