import { defineConfig } from 'vitest/config';

/**
 * No module cache on disk: Angular hands vitest modules that it has built in memory, the cache does not see their content and
 * answers with what an earlier run had. A broken change then passed its tests.
 */
export default defineConfig({ test: { fsModuleCache: false } });
