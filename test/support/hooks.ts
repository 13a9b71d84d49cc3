import { useMemoryForFiles } from './memory-folder.ts';
import { dropInheritedDatabases, shareWithWorkers, stopSharedPostgres } from './postgres.ts';

useMemoryForFiles();

/** What mocha passes to global fixtures as `this`. */
type Run = { readonly isParallelMode: () => boolean };

/** Before a run over several processes: they share one server, which this process starts. */
async function startSharedPostgres(this: Run): Promise<void> {
  if (this.isParallelMode()) await shareWithWorkers();
}

export const mochaGlobalSetup = [startSharedPostgres];
export const mochaGlobalTeardown = [stopSharedPostgres];
/** In a parallel run, after each file. */
export const mochaHooks = { afterAll: [dropInheritedDatabases] };
