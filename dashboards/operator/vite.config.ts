import { defineConfig } from "vitest/config";

// `npm run dev` serves the sources and hands every call of the API on to a platform that runs already.
const platform = process.env["USSOP_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  build: {
    target: "es2022",
    // An inlined picture would be a data: URL, and sprites cannot be used from one.
    assetsInlineLimit: 0,
    // The polyfill is an inline script, which our Content-Security-Policy forbids.
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: { "/api": platform, "/static": platform, "/ws": { target: platform.replace("http", "ws"), ws: true } },
  },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
