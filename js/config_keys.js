/*
 * Configuration keys
 *
 * Every key that wrangler knows (packages/workers-utils/src/config), what type it has, whether a
 * named environment inherits it, and what it means here:
 *
 *   used      read by config_main.js and its neighbours
 *   quiet     concerns deploying to Cloudflare; nothing to do here, nothing to say
 *   ignored   has an effect on Cloudflare that there is none of here: worth a warning
 *   binding   puts names into `env` that are not served here: each becomes a binding that says so
 */

const list = (what, key = "binding") => (value) => value.map((item) => [item?.[key], what]);
const one = (what) => (value) => [[value.binding, what]];
const keys = (what) => (value) => Object.keys(value).map((name) => [name, what]);

const used = (type, inherited = true) => ({ type, inherited, use: "used" });
const quiet = (type, inherited = true) => ({ type, inherited, use: "quiet" });
const ignored = (type, why, inherited = true) => ({ type, inherited, use: "ignored", why });
const binding = (type, names, inherited = false) => ({ type, inherited, use: "binding", names });

/** Keys that may stand at the top level and in an environment. */
export const ENVIRONMENT_KEYS = {
  name: used("string"),
  main: used("string"),
  compatibility_date: used("string"),
  compatibility_flags: used("array of string"),
  durable_objects: used("object", false),
  kv_namespaces: used("array of object", false),
  migrations: used("array of object"),
  exports: used("object"),
  vars: used("object", false),
  secrets: used("object", false),
  define: used("object of string", false),
  version_metadata: used("object", false),
  rules: used("array of object"),
  build: used("object"),
  no_bundle: used("boolean"),
  minify: used("boolean"),
  keep_names: used("boolean"),
  tsconfig: used("string"),
  jsx_factory: used("string"),
  jsx_fragment: used("string"),
  assets: used("object"),
  triggers: used("object"),
  dormouse: used("object"),

  account_id: quiet("string"),
  workers_dev: quiet("boolean"),
  preview_urls: quiet("boolean"),
  route: { inherited: true, use: "quiet" },
  routes: quiet("array"),
  limits: quiet("object"),
  observability: quiet("object"),
  logpush: quiet("boolean"),
  upload_source_maps: quiet("boolean"),
  placement: quiet("object"),
  compliance_region: quiet("string"),
  first_party_worker: quiet("boolean"),
  cache: quiet("object"),
  previews: quiet("object"),
  base_dir: quiet("string"),
  preserve_file_names: quiet("boolean"),
  python_modules: quiet("object"),
  logfwdr: quiet("object", false),
  tail_consumers: quiet("array", false),
  streaming_tail_consumers: quiet("array", false),

  find_additional_modules: ignored("boolean", (value) => value && "modules found by pattern are not added here; import them from the code"),
  containers: ignored("array", () => "containers do not run here"),
  cloudchamber: ignored("object", () => "containers do not run here", false),

  d1_databases: binding("array of object", list("D1 database")),
  r2_buckets: binding("array of object", list("R2 bucket")),
  queues: binding("object", (value) => list("Queue")(value.producers ?? [])),
  services: used("array of object", false),
  workflows: binding("array of object", list("Workflow")),
  ai: binding("object", one("Workers AI")),
  ai_search: binding("array of object", list("AI Search instance")),
  ai_search_namespaces: binding("array of object", list("AI Search namespace")),
  agent_memory: binding("array of object", list("Agent memory")),
  analytics_engine_datasets: binding("array of object", list("Analytics Engine dataset")),
  artifacts: binding("array of object", list("Artifacts store")),
  browser: binding("object", one("Browser Rendering")),
  dispatch_namespaces: binding("array of object", list("Dispatch namespace")),
  flagship: binding("array of object", list("Flagship")),
  hyperdrive: binding("array of object", list("Hyperdrive configuration")),
  images: binding("object", one("Images")),
  media: binding("object", one("Media")),
  mtls_certificates: binding("array of object", list("mTLS certificate")),
  pipelines: binding("array of object", list("Pipeline")),
  ratelimits: binding("array of object", list("Rate limiter", "name")),
  secrets_store_secrets: binding("array of object", list("Secrets Store secret")),
  send_email: binding("array of object", list("Email", "name")),
  stream: binding("object", one("Stream")),
  unsafe: binding("object", (value) => list("Unsafe binding", "name")(value.bindings ?? [])),
  unsafe_hello_world: binding("array of object", list("Hello World")),
  vectorize: binding("array of object", list("Vectorize index")),
  vpc_networks: binding("array of object", list("VPC network")),
  vpc_services: binding("array of object", list("VPC service")),
  worker_loaders: binding("array of object", list("Worker Loader")),
};

/** Keys of the top level only. */
export const TOP_LEVEL_KEYS = {
  $schema: quiet("string"),
  env: used("object of object"),
  dev: used("object"),
  alias: used("object of string"),
  legacy_env: quiet("boolean"),
  keep_vars: quiet("boolean"),
  send_metrics: quiet("boolean"),
  pages_build_output_dir: ignored("string", () => "Pages projects are not served here"),
  site: ignored("object", () => "Workers Sites are not served here; use assets"),
  wasm_modules: binding("object", keys("WebAssembly module of a service worker")),
  text_blobs: binding("object", keys("text blob of a service worker")),
  data_blobs: binding("object", keys("data blob of a service worker")),
};
