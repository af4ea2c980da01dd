// Builds the console's app into dist/, which the broker embeds. `npm run dev` serves it with hot reload
// and hands everything under /api to a running broker: OTTLA_CONSOLE, by default http://localhost:8080.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const broker = process.env.OTTLA_CONSOLE ?? "http://localhost:8080";
const port = Number(process.env.PORT ?? 5173);

export default defineConfig({
  // The broker may serve the app under any path, so nothing in it is absolute.
  base: "./",
  plugins: [react()],
  server: {
    host: "127.0.0.1",
    port,
    strictPort: true,
    proxy: { "/api": { target: broker, changeOrigin: true, headers: { origin: broker } } },
  },
  build: {
    target: "es2023",
    // A data: URL would need a hole in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
    manifest: true,
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
