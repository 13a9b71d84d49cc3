/**
 * Writes the test vectors anew: `npx node test/vectors/generate.ts`, then `npx prettier --write test/vectors`. Run it only
 * where a vector is added: one that changes means that what was stored no longer opens.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { makeVectors } from './make-vectors.ts';

for (const [name, vectors] of Object.entries(await makeVectors())) {
  writeFileSync(join(import.meta.dirname, `${name}.json`), `${JSON.stringify(vectors, undefined, 2)}\n`);
}
