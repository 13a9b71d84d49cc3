import * as fc from 'fast-check';
import { creators, labelKeys, modelTimes, words, type ModelCredential } from './filter-model.ts';

const anyWord = fc.constantFrom(...words);
const anyTime = fc.constantFrom(...modelTimes).map((time) => new Date(time));
const optionally = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null, freq: 2 });

/** Credentials with few different values, so that filters match some of them and many are equal in an order. */
export const anyCredential: fc.Arbitrary<ModelCredential> = fc.record({
  id: fc.uuid(),
  name: anyWord,
  provider: anyWord,
  auth_type: anyWord,
  category: optionally(anyWord),
  scope: optionally(anyWord),
  subject: optionally(anyWord),
  origin: fc.constantFrom('coffer', 'scale'),
  created_by: fc.constantFrom(...creators),
  tags: fc.uniqueArray(anyWord, { maxLength: 4 }),
  labels: fc.dictionary(fc.constantFrom(...labelKeys), anyWord, { maxKeys: 3 }),
  is_active: fc.boolean(),
  use_count: fc.integer({ min: 0, max: 3 }),
  created_at: anyTime,
  updated_at: anyTime,
  expires_at: optionally(anyTime),
  last_used_at: optionally(anyTime),
  deleted_at: optionally(anyTime),
});

/** Runs a statement as the superuser. */
export type Run = (text: string, values: unknown[]) => Promise<unknown>;

/** Stores credentials as they are, in one statement. */
export async function insertModels(run: Run, workspaceId: string, models: readonly ModelCredential[]): Promise<void> {
  const rows = models.map((model) => rowOf(workspaceId, model));
  const columns = Object.keys(rows[0] ?? {});
  const values = rows.flatMap((row) => Object.values(row));
  const tuples = rows.map(
    (_, row) => `(${columns.map((__, index) => `$${row * columns.length + index + 1}`).join(', ')})`,
  );
  if (rows.length > 0) await run(`insert into credential (${columns.join(', ')}) values ${tuples.join(', ')}`, values);
}

/** Replaces all of a credential but its id. */
export async function updateModel(run: Run, workspaceId: string, model: ModelCredential): Promise<void> {
  const { id, workspace_id: workspace, ...row } = rowOf(workspaceId, model);
  const set = Object.keys(row).map((column, index) => `${column} = $${index + 3}`);
  const where = 'where workspace_id = $1 and id = $2';
  await run(`update credential set ${set.join(', ')} ${where}`, [workspace, id, ...Object.values(row)]);
}

function rowOf(workspaceId: string, model: ModelCredential) {
  const labels = JSON.stringify(model.labels);
  return { workspace_id: workspaceId, ...model, labels, current_version: 1, revision: 1 };
}
