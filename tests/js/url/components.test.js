/* Getters are cut out of the href, so every shape of a URL matters. */

const parts = (text, base) => {
  const u = new URL(text, base);
  return [u.protocol, u.username, u.password, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.origin];
};

test("every part of a full URL", () => {
  assert.deepEqual(parts("http://u:p@h:81/p/q?a=1#f"), ["http:", "u", "p", "h:81", "h", "81", "/p/q", "?a=1", "#f", "http://h:81"]);
});

test("shapes without some parts", () => {
  const shapes = {
    "http://h": ["http:", "", "", "h", "h", "", "/", "", "", "http://h"],
    "http://u@h/": ["http:", "u", "", "h", "h", "", "/", "", "", "http://h"],
    "http://h:80/?": ["http:", "", "", "h", "h", "", "/", "", "", "http://h"],
    "http://h/#": ["http:", "", "", "h", "h", "", "/", "", "", "http://h"],
    "http://h/?#x?y": ["http:", "", "", "h", "h", "", "/", "", "#x?y", "http://h"],
    "http://[::1]:8080/a": ["http:", "", "", "[::1]:8080", "[::1]", "8080", "/a", "", "", "http://[::1]:8080"],
    "http://[::1]/a@b:c": ["http:", "", "", "[::1]", "[::1]", "", "/a@b:c", "", "", "http://[::1]"],
    "mailto:a@b.c?x#y": ["mailto:", "", "", "", "", "", "a@b.c", "?x", "#y", "null"],
    "file:///a/b": ["file:", "", "", "", "", "", "/a/b", "", "", "null"],
    "data:text/plain,a?b#c": ["data:", "", "", "", "", "", "text/plain,a", "?b", "#c", "null"],
    "blob:http://h/x": ["blob:", "", "", "", "", "", "http://h/x", "", "", "http://h"],
    "web+x:/..//p/": ["web+x:", "", "", "", "", "", "//p/", "", "", "null"],
    "foo://h:1?q": ["foo:", "", "", "h:1", "h", "1", "", "?q", "", "null"],
    "ws://h:80/": ["ws:", "", "", "h", "h", "", "/", "", "", "ws://h"],
  };
  for (const [text, expected] of Object.entries(shapes)) assert.deepEqual(parts(text), expected, text);
});

test("what looks serialised already is, and what does not goes through the parser", () => {
  const changed = {
    "http://EXAMPLE.com/": "http://example.com/",
    "http://example.com/a/../b": "http://example.com/b",
    "http://example.com/./a": "http://example.com/a",
    "http://example.com/a/%2e%2E/b": "http://example.com/b",
    "http://example.com:80/": "http://example.com/",
    "https://example.com:443/": "https://example.com/",
    "http://example.com:080/": "http://example.com/",
    "http://1.2.3/": "http://1.2.0.3/",
    "http://0x7f.1/": "http://127.0.0.1/",
    "http://example.com/a b": "http://example.com/a%20b",
    "http://example.com/?a'b": "http://example.com/?a%27b",
    "http://example.com/\u00e9": "http://example.com/%C3%A9",
    " http://example.com/ ": "http://example.com/",
    "http:\\\\example.com\\a": "http://example.com/a",
  };
  for (const [text, href] of Object.entries(changed)) assert.equal(new URL(text).href, href, text);
  for (const same of ["http://example.com/", "https://a-b.example.com:8080/x/y.z?q=%20&r=[1]", "http://localhost:8787/ws/..a/b"])
    assert.equal(new URL(same).href, same);
});

test("bad URLs", () => {
  for (const bad of ["x", "http://", "http://a b/", "http://h:99999/", "http://xn--a/", "//h"]) {
    assert.throws(() => new URL(bad), { name: "TypeError", message: "Invalid URL string." });
    assert.equal(URL.canParse(bad), false);
    assert.equal(URL.parse(bad), null);
  }
  assert.throws(() => new URL("x", "y"), TypeError);
  assert.equal(URL.canParse("/a", "http://h/b"), true);
  assert.equal(new URL("../c?d", "http://h/a/b/x").href, "http://h/a/c?d");
});

test("setters change the href", () => {
  const url = new URL("http://h/a?b#c");
  url.pathname = "/x y";
  url.search = "q=1";
  url.hash = "";
  url.port = "8080";
  url.hostname = "Other.test";
  url.protocol = "https";
  url.username = "me";
  assert.equal(url.href, "https://me@other.test:8080/x%20y?q=1");
  assert.equal(`${url}`, url.href);
  assert.equal(JSON.stringify({ url }), `{"url":"${url.href}"}`);
  url.href = "http://z/";
  assert.equal(url.host, "z");
  assert.throws(() => (url.href = "nope"), TypeError);
});

test("searchParams and the URL follow each other", () => {
  const url = new URL("http://h/?a=1&b=2");
  const params = url.searchParams;
  params.set("a", "x y");
  params.append("c", "\u00e9");
  assert.equal(url.search, "?a=x+y&b=2&c=%C3%A9");
  url.search = "?z=9";
  assert.equal(params.get("z"), "9");
  assert.equal(params.has("a"), false);
  params.delete("z");
  assert.equal(url.href, "http://h/");
});
