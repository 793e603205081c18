/* HTMLRewriter: which elements are found, and what becomes of the text. */

async function rewrite(html, set, pieces = 1) {
  const rewriter = new HTMLRewriter();
  set(rewriter);
  const size = Math.ceil(html.length / pieces);
  const parts = [];
  for (let at = 0; at < html.length; at += size) parts.push(new TextEncoder().encode(html.slice(at, at + size)));
  const response = new Response(ReadableStream.from(parts), { headers: { "content-type": "text/html", "content-length": "5", "x-a": "b" } });
  return rewriter.transform(response);
}

const found = async (html, selector) => {
  const log = [];
  await (await rewrite(html, (r) => r.on(selector, { element: (e) => log.push(e.getAttribute("id")) }))).text();
  return log.join(" ");
};

const PAGE =
  '<!DOCTYPE html><html><head><meta property="og:title" content="x" id=m><title>a<b</title></head><body class="one two">' +
  '<div id=a><p id=b class=x>1</p><p id=c>2<br><img id=d></p><span id=e></span></div><ul><li id=l1><li id=l2></ul>' +
  "<script>if (a<b) '</p>'</script><!-- note --></body></html>";

test("what nobody touches passes unchanged, however it is cut", async () => {
  for (const pieces of [1, 7, PAGE.length]) {
    const response = await rewrite(PAGE, (r) => r.on("*", { element() {}, text() {}, comments() {} }), pieces);
    assert.equal(await response.text(), PAGE);
    assert.equal(response.headers.get("content-length"), null);
    assert.equal(response.headers.get("x-a"), "b");
  }
});

test("selectors", async () => {
  const cases = {
    p: "b c", "div p": "b c", "div > p": "b c", "body > p": "", "#c": "c", "p.x": "b", 'meta[property="og:title"]': "m",
    "[id^=l]": "l1 l2", "p:first-child": "b", "p:nth-child(2)": "c", "span:nth-of-type(1)": "e", "p:not(.x)": "c", "b, span , img": "d e",
    "body div span": "e", "[content]": "m", "div *": "b c null d e", ".two #e": "e", '[class~="two"] > div': "a", "LI": "l1 l2",
  };
  for (const [selector, ids] of Object.entries(cases)) assert.equal(await found(PAGE, selector), ids.replace("null", ""), selector);
  for (const bad of ["", ">", "a >", "a + b", ":hover", "[a", "a..b"]) assert.throws(() => new HTMLRewriter().on(bad, {}), TypeError, bad);
});

test("attributes and names", async () => {
  const response = await rewrite('<a HREF="/x" data-q=\'1\'>t</a>', (r) =>
    r.on("a", {
      element(e) {
        assert.deepEqual([...e.attributes], [["href", "/x"], ["data-q", "1"]]);
        e.setAttribute("href", 'y"z').removeAttribute("data-q");
        e.tagName = "b";
      },
    }),
  );
  assert.equal(await response.text(), '<b HREF="y&quot;z">t</b>');
});

test("content around, inside and instead", async () => {
  const cases = [
    [(e) => e.before("<1>").after("2", { html: true }), "x&lt;1&gt;<p>t</p>2y"],
    [(e) => e.prepend("[", { html: true }).append("]"), "x<p>[t]</p>y"],
    [(e) => e.setInnerContent("<i>", { html: true }), "x<p><i></p>y"],
    [(e) => e.replace("r"), "xry"],
    [(e) => e.remove(), "xy"],
    [(e) => e.removeAndKeepContent(), "xty"],
    [(e) => e.onEndTag((end) => end.before("B").after("A")), "x<p>tB</p>Ay"],
  ];
  for (const [change, expected] of cases) {
    const response = await rewrite("x<p>t</p>y", (r) => r.on("p", { element: change }));
    assert.equal(await response.text(), expected);
  }
});

test("text and comments, of elements and of the document", async () => {
  const seen = [];
  const response = await rewrite("<p>one<b>two</b></p>three<!--c--><!doctype html>", (r) =>
    r
      .on("p", { text: (t) => void seen.push(`p:${t.text}${t.lastInTextNode ? "." : ""}`) })
      .onDocument({
        doctype: (d) => void seen.push(`d:${d.name}`),
        comments: (c) => {
          c.text = c.text.toUpperCase();
        },
        text: (t) => {
          if (t.text === "three") t.replace("3");
        },
        end: (e) => void e.append("<!--end-->", { html: true }),
      }),
  );
  assert.equal(await response.text(), "<p>one<b>two</b></p>3<!--C--><!doctype html><!--end-->");
  assert.deepEqual(seen, ["p:one", "p:.", "p:two", "p:.", "d:html"]);
});

test("handlers may be asynchronous, and their errors are the body's", async () => {
  const slow = await rewrite("<p>a</p>", (r) =>
    r.on("p", {
      async element(e) {
        await scheduler.wait(1);
        e.append("!");
      },
    }),
  );
  assert.equal(await slow.text(), "<p>a!</p>");
  const failing = await rewrite("<p>a</p>", (r) =>
    r.on("p", {
      element() {
        throw new Error("boo");
      },
    }),
  );
  await assert.rejects(failing.text(), /boo/);
});

test("a token is of no use after its handler", async () => {
  let kept;
  await (await rewrite("<p>", (r) => r.on("p", { element: (e) => void (kept = e) }))).text();
  assert.throws(() => kept.remove(), /no longer valid/);
});
