import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['test/*.test.ts'], setupFiles: ['test/setup.ts'] },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    // The polyfill is an inline script, which the content security policy forbids.
    modulePreload: { polyfill: false },
    // A small asset in a `data:` URL would need a wider policy too.
    assetsInlineLimit: 0,
    manifest: 'manifest.json',
  },
})
