/** A condition on credentials, as a tree. What is absent equals nothing and is neither less nor greater than anything. */
export type Filter =
  | { readonly kind: 'and'; readonly parts: readonly Filter[] }
  | { readonly kind: 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter }
  | Comparison;

/** An order relation; `!=` is the negation of `=`. */
export type Operator = '=' | '<' | '<=' | '>' | '>=';

/** A comparison of one field. Texts are compared byte by byte in UTF-8, which is the order of code points. */
export type Comparison =
  | { readonly kind: 'text'; readonly field: TextField; readonly operator: Operator; readonly value: string }
  /** The empty prefix is that of every text, and not of an absent one. */
  | { readonly kind: 'prefix'; readonly field: TextField; readonly prefix: string }
  | { readonly kind: 'tag'; readonly tag: string }
  /** The label has any value. */
  | { readonly kind: 'label_present'; readonly key: string }
  | { readonly kind: 'label'; readonly key: string; readonly operator: Operator; readonly value: string }
  | { readonly kind: 'label_prefix'; readonly key: string; readonly prefix: string }
  | { readonly kind: 'time'; readonly field: TimeField; readonly operator: Operator; readonly value: Date }
  | { readonly kind: 'count'; readonly operator: Operator; readonly value: number }
  /** The state at the time of the search. */
  | { readonly kind: 'state'; readonly state: State }
  /** The user with this id, or with this short id, created it. */
  | { readonly kind: 'creator'; readonly reference: { readonly id: string } | { readonly shortId: string } }
  | { readonly kind: 'constant'; readonly value: boolean }
  /** The text is one of these; `ignoresCase` compares ASCII letters without regard to case. Dialects only. */
  | {
      readonly kind: 'any_of';
      readonly field: TextField;
      readonly values: readonly string[];
      readonly ignoresCase?: boolean;
    }
  /** Some tag, or the id, is one of these; the scopes of API keys. */
  | { readonly kind: 'any_tag'; readonly tags: readonly string[] }
  | { readonly kind: 'any_id'; readonly ids: readonly string[] }
  /** The name or the description contains the text, in any case. Dialects only. */
  | { readonly kind: 'contains'; readonly text: string };

/** The states by their names in filters. */
export const states = ['ACTIVE', 'INACTIVE', 'EXPIRED', 'DELETED'] as const;

export type State = (typeof states)[number];

/** The texts by their names in filters. */
export const textFields = {
  name: 'name',
  provider: 'provider',
  auth_type: 'authType',
  category: 'category',
  scope: 'scope',
  subject: 'subject',
  origin: 'origin',
  created_by: 'createdBy',
} as const;

export type TextField = (typeof textFields)[keyof typeof textFields];

/** The times by their names in filters. */
export const timeFields = {
  created_at: 'createdAt',
  updated_at: 'updatedAt',
  expires_at: 'expiresAt',
  last_used_at: 'lastUsedAt',
  deleted_at: 'deletedAt',
} as const;

export type TimeField = (typeof timeFields)[keyof typeof timeFields];

/** The greatest sizes of a filter. */
export const filterLimits = {
  /** Unicode code points. */
  characters: 2_000,
  comparisons: 32,
  /** The nesting of parentheses, and of negations. */
  depth: 32,
} as const;

/** The conjunction of conditions; undefined, which is true of everything, for none. */
export function allOf(parts: readonly Filter[]): Filter | undefined {
  const [first] = parts;
  return parts.length > 1 ? { kind: 'and', parts } : first;
}
