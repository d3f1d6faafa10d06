import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  worker: { format: "es" },
  build: {
    rollupOptions: { input: { explorer: "explorer.html", checkout: "checkout.html" } },
    // No asset becomes a data: address, and no preload script is written into the page: the pages' CSP forbids both.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 5000, // the explorer's editor is one piece of this size, in kB
  },
});
