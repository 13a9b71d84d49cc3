import { stopSharedPostgres } from './postgres.ts';

/** What every mocha process does once all its tests have run. */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    await stopSharedPostgres();
  },
};
