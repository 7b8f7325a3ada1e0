import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      // they stand on interfaces and a clock moved by hand, and touch nothing that another would find changed
      { test: { name: "beside", include: ["src/{viewmodels,platform}/**/*.test.ts"], isolate: false } },
      { test: { name: "apart", include: ["src/matrix/**/*.test.ts", "tests/**/*.test.ts"] } },
    ],
  },
});
