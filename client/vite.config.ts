import { defineConfig } from 'vite';

// The command as one program: with everything it needs, in a file for the start and files that a command loads on demand.
export default defineConfig({
  publicDir: false,
  build: {
    ssr: 'src/command/main.ts',
    outDir: 'dist/command',
    target: 'node22.15',
    minify: true,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      output: { banner: '#!/usr/bin/env node', entryFileNames: 'main.js', chunkFileNames: '[name].js' },
    },
  },
  ssr: { noExternal: true, external: ['@napi-rs/keyring'] },
});
