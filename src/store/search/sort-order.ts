import type { SortField, SortKey } from '../../vault/search/order.ts';
import type { Position, SortValue } from '../../vault/search/position.ts';
import type { SqlParameters } from './sql-parameters.ts';

/** How a sort field is compared. */
interface SortColumn {
  readonly expression: string;
  readonly type: 'text' | 'timestamptz';
  readonly isNullable: boolean;
  /** Whether an index has the rows of a workspace in this order. */
  readonly isIndexed: boolean;
}

const sortColumns: Readonly<Record<SortField, SortColumn>> = {
  createdAt: { expression: 'c.created_at', type: 'timestamptz', isNullable: false, isIndexed: true },
  updatedAt: { expression: 'c.updated_at', type: 'timestamptz', isNullable: false, isIndexed: true },
  name: { expression: 'c.name collate "C"', type: 'text', isNullable: false, isIndexed: true },
  provider: { expression: 'c.provider collate "C"', type: 'text', isNullable: false, isIndexed: false },
  expiresAt: { expression: 'c.expires_at', type: 'timestamptz', isNullable: true, isIndexed: false },
};

/** Whether a page in this order can be read off an index, so that it looks at few rows beyond those that it shows. */
export function isIndexedOrder([first]: readonly SortKey[]): boolean {
  return first !== undefined && sortColumns[first.field].isIndexed;
}

/** Expressions that replace those of the row, because an index of another table has them. */
export type Replacements = Readonly<Record<string, string>>;

/** A text that precedes the sort keys in an index. */
export interface LeadingKey {
  readonly expression: string;
  readonly value: string;
}

/** How an index has the sort keys. */
export interface IndexKeys {
  readonly leading?: LeadingKey;
  readonly replacements?: Replacements;
}

/** The sort keys of a statement, with the id as the last one. */
export class SortOrder {
  readonly #leading: LeadingKey | undefined;
  readonly #keys: readonly (SortColumn & { readonly order: SortKey['order'] })[];
  readonly #id: string;
  readonly #idOrder: SortKey['order'];

  /** @param order at least one key */
  constructor(order: readonly SortKey[], { leading, replacements = {} }: IndexKeys = {}) {
    this.#leading = leading;
    this.#keys = order.map((key) => {
      const column = sortColumns[key.field];
      return { ...column, order: key.order, expression: replacements[column.expression] ?? column.expression };
    });
    this.#id = replacements['c.id'] ?? 'c.id';
    this.#idOrder = order.at(-1)?.order ?? 'ascending';
  }

  /** The `order by` clause. */
  get clause(): string {
    const keys = this.#keys.map(({ expression, isNullable, order }) => {
      return `${expression} ${directionOf(order)}${isNullable ? ' nulls last' : ''}`;
    });
    const first = this.#leading ? [`${this.#leading.expression} ${directionOf(this.#firstOrder)}`] : [];
    return `order by ${[...first, ...keys, `${this.#id} ${directionOf(this.#idOrder)}`].join(', ')}`;
  }

  get #firstOrder(): SortKey['order'] {
    return this.#keys[0]?.order ?? this.#idOrder;
  }

  /** The condition that a row comes after a position. */
  after({ values, id }: Position, parameters: SqlParameters): string {
    const isUniform = this.#keys.every(({ isNullable, order }) => !isNullable && order === this.#idOrder);
    return isUniform ? this.#afterRow(values, id, parameters) : this.#afterEach(values, id, parameters);
  }

  /** One comparison of rows, which an index can serve entirely. */
  #afterRow(values: readonly SortValue[], id: string, parameters: SqlParameters): string {
    const first = this.#leading ? [this.#leading.expression] : [];
    const columns = [...first, ...this.#keys.map(({ expression }) => expression), this.#id];
    const references = this.#keys.map(({ type }, index) => `${parameters.add(values[index])}::${type}`);
    const row = [...this.#leadingReference(parameters), ...references, `${parameters.add(id)}::uuid`];
    return `(${columns.join(', ')}) ${operatorOf(this.#idOrder)} (${row.join(', ')})`;
  }

  #leadingReference(parameters: SqlParameters): readonly string[] {
    return this.#leading ? [`${parameters.add(this.#leading.value)}::text`] : [];
  }

  /** Key by key, for directions that differ and for absent values, which are last. */
  #afterEach(values: readonly SortValue[], id: string, parameters: SqlParameters): string {
    let condition = `${this.#id} ${operatorOf(this.#idOrder)} ${parameters.add(id)}::uuid`;
    for (const [index, key] of [...this.#keys.entries()].toReversed()) {
      const { expression, order, type } = key;
      const value = values[index] ?? null;
      if (value === null) {
        condition = `(${expression} is null and ${condition})`;
      } else {
        const reference = `${parameters.add(value)}::${type}`;
        const isAfter = `${expression} ${operatorOf(order)} ${reference}`;
        const orAbsent = key.isNullable ? ` or ${expression} is null` : '';
        condition = `(${isAfter}${orAbsent} or (${expression} = ${reference} and ${condition}))`;
        // What an index can serve of it: all rows from this value on.
        if (index === 0 && !key.isNullable) {
          const columns = [...(this.#leading ? [this.#leading.expression] : []), expression];
          const row = [...this.#leadingReference(parameters), reference];
          condition += ` and (${columns.join(', ')}) ${operatorOf(order)}= (${row.join(', ')})`;
        }
      }
    }
    return condition;
  }
}

function directionOf(order: SortKey['order']): string {
  return order === 'ascending' ? 'asc' : 'desc';
}

function operatorOf(order: SortKey['order']): string {
  return order === 'ascending' ? '>' : '<';
}
