import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  clearScreen: false,
  server: { host: "127.0.0.1", port: 1420, strictPort: true },
  build: {
    // The oldest WebKitGTK that the package allows speaks what Safari 16 does.
    target: "safari16",
    chunkSizeWarningLimit: 1000,
    assetsInlineLimit: 0,
  },
  // Vitest would otherwise take Svelte's server build, whose runes do nothing.
  resolve: process.env.VITEST ? { conditions: ["browser"] } : {},
  test: { include: ["src/**/*.test.ts"] },
});
