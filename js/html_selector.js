/*
 * Selectors of HTMLRewriter
 *
 * The subset of CSS that can be decided at a start tag: type, *, #id, .class, attributes, :nth-child,
 * :nth-of-type and their :first- forms, :not(), descendant and child combinators, and lists. A selector
 * becomes a list of alternatives; each is a list of { compound, combinator } from right to left.
 */

const NAME = /^-?(?:[_a-zA-Z\u0080-\uffff]|\\.)(?:[-\w\u0080-\uffff]|\\.)*|^\*/;
const ATTRIBUTE = /^\[\s*([-\w:.\u0080-\uffff]+)\s*(?:([~|^$*]?=)\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s\]"']+))\s*([iIsS])?\s*)?\]/;
const NTH = /^\s*(?:(odd|even)|([+-]?\d*)n\s*(?:([+-])\s*(\d+))?|([+-]?\d+))\s*$/i;

const unescape = (text) => text.replace(/\\(.)/g, "$1");

const PSEUDO = "Unsupported pseudo-class or pseudo-element";

function refuse(why) {
  throw new TypeError(`Parser error: ${why} in selector.`);
}

class Parser {
  constructor(text) {
    this.text = text;
    this.rest = text;
  }

  take(pattern) {
    const match = pattern.exec(this.rest);
    if (match !== null) this.rest = this.rest.slice(match[0].length);
    return match;
  }

  list() {
    const alternatives = [];
    do {
      this.take(/^\s*/);
      alternatives.push(this.complex());
      this.take(/^\s*/);
    } while (this.take(/^,/) !== null);
    return alternatives;
  }

  complex() {
    const steps = [{ compound: this.compound(), combinator: null }];
    for (;;) {
      const match = this.take(/^\s*(>)\s*|^\s+(?![\s,)]|$)/);
      if (match === null) return steps.reverse();
      if (/^[+~]/.test(this.rest)) refuse(`Unsupported combinator \`${this.rest[0]}\``);
      if (this.rest === "") refuse("Dangling combinator");
      steps.push({ compound: this.compound(), combinator: match[1] === ">" ? ">" : " " });
    }
  }

  compound() {
    const tests = [];
    const name = this.take(NAME);
    if (name !== null && name[0] !== "*") {
      const wanted = unescape(name[0]).toLowerCase();
      tests.push((element) => element.name === wanted);
    }
    for (;;) {
      const test = this.simple();
      if (test === null) break;
      tests.push(test);
    }
    if (tests.length === 0 && name === null) {
      if (this.rest === this.text || /^[>\s]*$/.test(this.text)) throw new TypeError("Parser error: The selector is empty.");
      refuse("Unexpected token");
    }
    return (element) => tests.every((test) => test(element));
  }

  simple() {
    let match;
    if ((match = this.take(/^#((?:[-\w\u0080-\uffff]|\\.)+)/)) !== null) {
      const id = unescape(match[1]);
      return (element) => element.attribute("id") === id;
    }
    if ((match = this.take(/^\.((?:[-\w\u0080-\uffff]|\\.)+)/)) !== null) {
      const name = unescape(match[1]);
      return (element) => (element.attribute("class") ?? "").split(/[\t\n\f\r ]+/).includes(name);
    }
    if (this.rest.startsWith("[")) {
      match = this.take(ATTRIBUTE);
      if (match === null) refuse("Unexpected token in attribute");
      return attributeTest(match);
    }
    if (this.rest.startsWith(":")) return this.pseudo();
    if (/^\.|^#/.test(this.rest)) refuse("Invalid or unescaped class name");
    return null;
  }

  pseudo() {
    const match = this.take(/^:([-\w]+)(\()?/);
    if (match === null) refuse(PSEUDO);
    const name = match[1].toLowerCase();
    if (match[2] === undefined) {
      if (name === "first-child") return (element) => element.position === 1;
      if (name === "first-of-type") return (element) => element.positionOfType === 1;
      refuse(PSEUDO);
    }
    if (name === "not") {
      const inner = this.list();
      if (this.take(/^\s*\)/) === null) refuse("Unexpected token");
      return (element) => !inner.some((steps) => matchesSteps(steps, element));
    }
    const argument = this.take(/^([^)]*)\)/);
    if (argument === null) refuse("Unexpected token");
    if (name !== "nth-child" && name !== "nth-of-type") refuse(PSEUDO);
    const fits = nthTest(argument[1]);
    if (fits === null) refuse("Unexpected token");
    if (name === "nth-child") return (element) => fits(element.position);
    return (element) => fits(element.positionOfType);
  }
}

/* Attributes whose values HTML compares without case. */
const CASELESS = new Set(["type", "lang", "dir", "method", "rel", "media", "charset", "http-equiv"]);

function attributeTest([, rawName, operator, double, single, bare, flag]) {
  const name = rawName.toLowerCase();
  if (operator === undefined) return (element) => element.attribute(name) !== null;
  const caseless = flag === undefined ? CASELESS.has(name) && operator === "=" : /i/i.test(flag);
  const fold = (text) => (caseless ? text.toLowerCase() : text);
  const wanted = fold(unescape(double ?? single ?? bare));
  const compare = {
    "=": (value) => value === wanted,
    "~=": (value) => wanted !== "" && value.split(/[\t\n\f\r ]+/).includes(wanted),
    "|=": (value) => value === wanted || value.startsWith(`${wanted}-`),
    "^=": (value) => wanted !== "" && value.startsWith(wanted),
    "$=": (value) => wanted !== "" && value.endsWith(wanted),
    "*=": (value) => wanted !== "" && value.includes(wanted),
  }[operator];
  return (element) => {
    const value = element.attribute(name);
    return value !== null && compare(fold(value));
  };
}

function nthTest(text) {
  const match = NTH.exec(text);
  if (match === null) return null;
  const [, word, step, sign, offset, only] = match;
  let a = 0;
  let b = 0;
  if (word !== undefined) {
    a = 2;
    b = word.toLowerCase() === "odd" ? 1 : 0;
  } else if (only !== undefined) {
    b = Number(only);
  } else {
    a = step === "" || step === "+" ? 1 : step === "-" ? -1 : Number(step);
    b = offset === undefined ? 0 : Number(`${sign}${offset}`);
  }
  return (n) => (a === 0 ? n === b : (n - b) % a === 0 && (n - b) / a >= 0);
}

/* element.parent leads up; a descendant step may have to try every ancestor. */
function matchesSteps(steps, element, at = 0) {
  if (!steps[at].compound(element)) return false;
  if (at + 1 === steps.length) return true;
  /* The combinator stands with the step on its right when read from the left. */
  const { combinator } = steps[at];
  for (let up = element.parent; up !== null; up = up.parent) {
    if (matchesSteps(steps, up, at + 1)) return true;
    if (combinator === ">") return false;
  }
  return false;
}

/** A function that says whether an open element matches. */
export function compileSelector(text) {
  const parser = new Parser(text);
  const alternatives = parser.list();
  if (parser.rest !== "") refuse("Unexpected token");
  return (element) => alternatives.some((steps) => matchesSteps(steps, element));
}
