import type { Problem } from '../gateway/contract/dialect.ts';

type Kind = Problem['kind'];

type ProblemOf = { readonly [K in Kind]: Extract<Problem, { kind: K }> };

/** How each kind of failure is rendered: one row a kind, so that a new kind does not compile until it has one. */
export type ProblemTable<Rendering> = { readonly [K in Kind]: (problem: ProblemOf[K]) => Rendering };

/** Renders a failure by its row. */
export function renderBy<Rendering>(table: ProblemTable<Rendering>, problem: Problem): Rendering {
  return renderRow(table, problem.kind, problem);
}

function renderRow<K extends Kind, Rendering>(
  table: ProblemTable<Rendering>,
  kind: K,
  problem: ProblemOf[K],
): Rendering {
  return table[kind](problem);
}
