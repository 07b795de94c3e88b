import { defineConfig } from 'vite'

export default defineConfig({
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
