import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const OUT = "../src/chappe/webclient";
const LICENCES = "licences.txt";

/** The packages of what runs beside the page, which Vite does not list. */
const inWorkers = new Set<string>();

const noted: Plugin = {
  name: "noted",
  generateBundle(_options, bundle) {
    for (const each of Object.values(bundle))
      for (const id of each.type === "chunk" ? each.moduleIds : []) {
        const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
        if (name) inWorkers.add(name);
      }
  },
};

/** The licences of what goes to the browser (docs/decisions/0016): Vite writes those of the packages, but for the font and us. */
function licences(): Plugin {
  const decoders = "node_modules/pdfjs-dist/wasm";
  const others: Record<string, string> = {
    "@fontsource-variable/inter (OFL-1.1)": "node_modules/@fontsource-variable/inter/LICENSE",
    "OpenJPEG in pdfjs-dist (BSD-2-Clause)": `${decoders}/LICENSE_OPENJPEG`,
    "JBIG2 of PDFium in pdfjs-dist (Apache-2.0)": `${decoders}/LICENSE_JBIG2`,
    "qcms in pdfjs-dist (MIT)": `${decoders}/LICENSE_QCMS`,
  };
  return {
    name: "licences",
    closeBundle() {
      const known = readFileSync(join(OUT, LICENCES), "utf8");
      for (const name of [...inWorkers].sort()) {
        const { version, license } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
        const title = `${name} - ${version} (${license})`;
        const text = readdirSync(`node_modules/${name}`).find((each) => /^licen[cs]e/i.test(each));
        if (!known.includes(`## ${title}`)) others[title] = text ? `node_modules/${name}/${text}` : "";
      }
      for (const [name, path] of Object.entries({ ...others, "Chappe (AGPL-3.0-or-later)": "../LICENSE" }))
        appendFileSync(join(OUT, LICENCES), `\n## ${name}\n\n${existsSync(path) ? readFileSync(path, "utf8") : ""}`);
    },
  };
}

/** Every file beside itself compressed, so that the server compresses nothing. */
function compressed(): Plugin {
  return {
    name: "compressed",
    closeBundle() {
      for (const folder of [OUT, join(OUT, "assets"), join(OUT, "icons")]) {
        for (const name of readdirSync(folder).filter((each) => /\.(html|js|css|wasm|svg|json|txt)$/.test(each))) {
          const path = join(folder, name);
          const body = readFileSync(path);
          if (body.length < 600) continue;
          const params = { [constants.BROTLI_PARAM_QUALITY]: body.length > 2_000_000 ? 9 : 11 };
          writeFileSync(`${path}.br`, brotliCompressSync(body, { params }));
          writeFileSync(`${path}.gz`, gzipSync(body, { level: 9 }));
        }
      }
    },
  };
}

const VERSION = /^version = "([^"]+)"/m.exec(readFileSync("../pyproject.toml", "utf8"))?.[1];

export default defineConfig({
  define: { "import.meta.env.VERSION": JSON.stringify(VERSION) },
  plugins: [react(), licences(), compressed()],
  worker: { format: "es", plugins: () => [noted] },
  build: {
    outDir: OUT,
    license: { fileName: LICENCES },
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      input: { index: "index.html", sw: "src/platform/service_worker.ts", look: "src/styles/pages.css" },
      output: {
        assetFileNames: (asset) => (asset.names.includes("look.css") ? "look.css" : "assets/[name]-[hash][extname]"),
        entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
      },
    },
  },
});
