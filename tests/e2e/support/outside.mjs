/*
 * A way out for workerd
 *
 * By itself it connects to public addresses only. This writes a configuration of its own into a project that was copied to
 * `home`, with which it may also reach this machine, and trusts one certificate more. Its name is to be given to start() as
 * `workerdConfig`.
 */

import fs from "node:fs";
import path from "node:path";

import { build } from "esbuild";

export async function letOut(home, { date, className, certificate }) {
    const project = path.join(home, "project");
    await build({
        entryPoints: [path.join(project, "index.js")],
        bundle: true,
        format: "esm",
        outfile: path.join(project, "bundle.mjs"),
        external: ["cloudflare:*", "node:*"],
        logLevel: "error",
    });
    fs.copyFileSync(certificate, path.join(project, "trusted.pem"));
    fs.writeFileSync(
        path.join(project, "workerd.capnp"),
        `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "bundle.mjs", esModule = embed "bundle.mjs")],
      compatibilityDate = "${date}",
      durableObjectNamespaces = [(className = "${className}", uniqueKey = "${className}", enableSql = true)],
      durableObjectStorage = (inMemory = void),
      bindings = [(name = "KEEPERS", durableObjectNamespace = "${className}")],
    )),
    (name = "internet", network = (
      allow = ["public", "private", "local"],
      tlsOptions = (trustBrowserCas = false, trustedCertificates = [embed "trusted.pem"]),
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`,
    );
    return "workerd.capnp";
}
