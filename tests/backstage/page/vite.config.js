import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const installed = name => fileURLToPath(new URL(`node_modules/${name}`, import.meta.url));

export default defineConfig({
  plugins: [react()],
  define: { 'process.env': '{}', 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
  resolve: {
    alias: [
      // The plugin's last release under its first name is the one that stands alone: the client names the present one.
      ...['', '-common'].map(part => ({
        find: new RegExp(`^@backstage-community/plugin-cost-insights${part}$`),
        replacement: installed(`@backstage/plugin-cost-insights${part}`),
      })),
      // Node's own modules, which its dependencies expect a bundler to bring along.
      { find: /^(buffer|events|util)$/, replacement: '$1/' },
      { find: /^process$/, replacement: 'process/browser' },
    ],
    dedupe: ['@backstage/core-plugin-api', 'react', 'react-dom', 'react-router', 'react-router-dom'],
  },
  build: { minify: false, chunkSizeWarningLimit: 100_000, commonjsOptions: { transformMixedEsModules: true } },
});
