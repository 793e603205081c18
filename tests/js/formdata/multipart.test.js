/* FormData, and the two ways it travels. */

const body = (text, type) => new Response(text, { headers: { "content-type": type } });

test("what was sent comes back", async () => {
  const form = new FormData();
  form.append("text", "h\u00e9llo\nworld");
  form.append('odd"name', "1");
  form.append("file", new Blob(["\0\r\n--x"], { type: "application/x" }), "a b.bin");
  form.append("file", new File(["2"], "two.txt", { type: "text/plain" }));
  const back = await new Response(form).formData();
  assert.deepEqual([...back.keys()], ["text", 'odd"name', "file", "file"]);
  assert.equal(back.get("text"), "h\u00e9llo\nworld");
  const [first, second] = back.getAll("file");
  assert.equal(first.name, "a b.bin");
  assert.equal(first.type, "application/x");
  assert.equal(await first.text(), "\0\r\n--x");
  assert.equal(second.name, "two.txt");
});

test("multipart as others write it", async () => {
  const text =
    'preamble\r\n--x\r\ncontent-disposition: form-data; name=a; filename="q\\"t.txt"\r\n\r\nhello\r\n' +
    '--x \r\nContent-Disposition: form-data; name="b"\r\n\r\n\r\n--x--\r\nepilogue';
  const form = await body(text, 'multipart/form-data; boundary="x"').formData();
  assert.equal(form.get("a").name, 'q"t.txt');
  assert.equal(form.get("a").type, "text/plain");
  assert.equal(form.get("b"), "");
});

test("urlencoded", async () => {
  const form = await body("a=1&b=%20+c&a=2", "application/x-www-form-urlencoded").formData();
  assert.deepEqual([...form], [["a", "1"], ["b", "  c"], ["a", "2"]]);
});

test("what is no form is refused", async () => {
  await assert.rejects(body("{", "text/plain").formData(), /Unrecognized Content-Type header value/);
  await assert.rejects(body("{", "multipart/form-data").formData(), /No boundary string in Content-Type header/);
  await assert.rejects(body("{", "multipart/form-data; boundary=x").formData(), /No initial boundary string/);
  await assert.rejects(body("--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb", "multipart/form-data; boundary=x").formData(), TypeError);
});

test("set, delete and the kinds of values", () => {
  const form = new FormData();
  form.append("a", 1);
  form.append("a", 2);
  form.set("a", new Blob(["x"]));
  assert.equal(form.getAll("a").length, 1);
  assert.equal(form.get("a").name, "blob");
  form.delete("a");
  assert.equal(form.has("a"), false);
  assert.throws(() => form.append("a", "text", "name"), TypeError);
  assert.throws(() => form.append("a"), TypeError);
});

test("Blob and File", async () => {
  const blob = new Blob(["ab", new Uint8Array([99]), new Blob(["d"])], { type: "Text/X" });
  assert.equal(blob.size, 4);
  assert.equal(blob.type, "text/x");
  assert.equal(await blob.slice(1, -1).text(), "bc");
  assert.equal(await new Response(blob.stream()).text(), "abcd");
  const file = new File(["x"], "n", { lastModified: 5 });
  assert.equal(file.name, "n");
  assert.equal(file.lastModified, 5);
  assert(file instanceof Blob);
  assert.throws(() => new Blob("a"), TypeError);
  assert.throws(() => new File(["a"]), TypeError);
});
