// Coffer with an SDK that records the spans of every request and lets go of them: what that costs is the difference to the
// ordinary one. Exporting them costs what the operator's SDK does.
import { MemoryTracing } from '../support/memory-tracing.ts';

const registered = new MemoryTracing(() => undefined).register();

const { run } = await import('../../src/main.ts');
process.exitCode = await run([]);
registered[Symbol.dispose]();
