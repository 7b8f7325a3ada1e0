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

/** What somebody who has just signed in needs, in this order: the encryption is the largest. */
const LATER = [
  "src/matrix/matrix.ts",
  "matrix_sdk_crypto_wasm_bg",
  "matrix-sdk-crypto-wasm/index.mjs",
  "matrix-js-sdk/lib/rust-crypto/index.js",
  "src/views/room_list.tsx",
  "src/views/confirm_device.tsx",
  "src/views/first_run.tsx",
  "src/views/new_sign_in.tsx",
  "src/views/room.tsx",
];

/** Writes into the page which files are fetched while somebody signs in (src/platform/later.ts). */
const later: Plugin = {
  name: "later",
  transformIndexHtml: {
    order: "post",
    handler(_html, { bundle = {}, chunk: page }) {
      const all = Object.values(bundle);
      const withImports = (name: string, found = new Set<string>()): Set<string> => {
        const chunk = bundle[name];
        if (chunk?.type !== "chunk" || found.has(name)) return found;
        found.add(name);
        for (const each of chunk.viteMetadata?.importedCss ?? []) found.add(each);
        for (const each of chunk.imports) withImports(each, found);
        return found;
      };
      const atOnce = page ? withImports(page.fileName) : new Set<string>();
      const names = LATER.flatMap((wanted) => {
        const found = all.find((each) =>
          each.type === "chunk"
            ? each.facadeModuleId?.endsWith(wanted) || each.moduleIds.some((id) => id.endsWith(wanted))
            : each.fileName.includes(wanted),
        );
        if (!found) throw new Error(`nothing is built of ${wanted}`);
        return found.type === "chunk" ? [...withImports(found.fileName)] : [found.fileName];
      });
      const content = [...new Set(names)].filter((each) => !atOnce.has(each)).map((each) => `/${each}`);
      return [{ tag: "meta", attrs: { name: "later", content: content.join(" ") }, injectTo: "head" }];
    },
  },
};

const VERSION = /^version = "([^"]+)"/m.exec(readFileSync("../pyproject.toml", "utf8"))?.[1];

export default defineConfig({
  define: { "import.meta.env.VERSION": JSON.stringify(VERSION) },
  plugins: [react(), later, licences(), compressed()],
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
