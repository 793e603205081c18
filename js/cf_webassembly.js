/*
 * WebAssembly
 *
 * The engine compiles on threads of its own and settles the promise outside of any event, so that
 * what goes on after it would belong to nobody. Here it happens at once, where it was asked for.
 */

const { Instance, Module } = WebAssembly;

const promised = {
  async compile(bytes) {
    return new Module(bytes);
  },

  async instantiate(source, imports = undefined) {
    if (source instanceof Module) return new Instance(source, imports);
    const module = new Module(source);
    return { module, instance: new Instance(module, imports) };
  },
};

export function installWebAssembly() {
  for (const name of Object.keys(promised)) Object.defineProperty(WebAssembly, name, { value: promised[name], writable: true, configurable: true });
  for (const name of ["compileStreaming", "instantiateStreaming"]) delete WebAssembly[name];
}
