// Coffer that counts nothing: what its metrics cost is the difference to the ordinary one.
import { syncBuiltinESMExports } from 'node:module';
import performanceHooks from 'node:perf_hooks';
import { Counter, Histogram } from 'prom-client';

Counter.prototype.inc = () => undefined;
Histogram.prototype.observe = () => undefined;
const nothing = performanceHooks.createHistogram();
const never = { enable: () => true, disable: () => true, [Symbol.dispose]: () => undefined };
performanceHooks.monitorEventLoopDelay = () => Object.assign(nothing, never);
syncBuiltinESMExports();

const { run } = await import('../../src/main.ts');
process.exitCode = await run([]);
