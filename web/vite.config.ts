import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const OUT = "../src/chappe/webclient";

/** Every file beside itself compressed, so that the server compresses nothing. */
function compressed(): Plugin {
  return {
    name: "compressed",
    closeBundle() {
      for (const folder of [OUT, join(OUT, "assets"), join(OUT, "icons")]) {
        for (const name of readdirSync(folder).filter((each) => /\.(html|js|css|wasm|svg|json)$/.test(each))) {
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
  plugins: [react(), compressed()],
  build: {
    outDir: OUT,
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
