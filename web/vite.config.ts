import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const OUT = "../src/chappe/webclient";
const LICENCES = "licences.txt";

/** The licences of what goes to the browser (docs/decisions/0016): Vite writes those of the packages, but for the font and us. */
function licences(): Plugin {
  const others = { "@fontsource-variable/inter (OFL-1.1)": "node_modules/@fontsource-variable/inter/LICENSE" };
  return {
    name: "licences",
    closeBundle() {
      for (const [name, path] of Object.entries({ ...others, "Chappe (AGPL-3.0-or-later)": "../LICENSE" }))
        appendFileSync(join(OUT, LICENCES), `\n## ${name}\n\n${readFileSync(path, "utf8")}`);
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

export default defineConfig({
  plugins: [react(), licences(), compressed()],
  build: {
    outDir: OUT,
    license: { fileName: LICENCES },
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      input: { index: "index.html", sw: "src/platform/service_worker.ts" },
      output: {
        entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
      },
    },
  },
});
