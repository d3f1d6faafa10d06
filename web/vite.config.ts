import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** Beside the pages lies what they ask, by its hash: the manifest for TRUSTED_DOCUMENTS. */
const manifest: Plugin = {
  name: "manifest",
  generateBundle() {
    const source = readFileSync("src/gql/persisted-documents.json");
    this.emitFile({ type: "asset", fileName: "trusted-documents.json", source });
  },
};

export default defineConfig({
  plugins: [react(), manifest],
  worker: { format: "es" },
  build: {
    rollupOptions: { input: { explorer: "explorer.html", checkout: "checkout.html" } },
    // No asset becomes a data: address, and no preload script is written into the page: the pages' CSP forbids both.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 5000, // the explorer's editor is one piece of this size, in kB
  },
});
