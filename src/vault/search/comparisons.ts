import { parseReference } from '../ids.ts';
import { parseTime } from '../time.ts';
import {
  states,
  textFields,
  timeFields,
  type Comparison,
  type Filter,
  type Operator,
  type TextField,
  type TimeField,
} from './filter.ts';

/** The value of a comparison as it was written. */
export interface Value {
  readonly text: string;
  /** Whether it ends in an asterisk that is not escaped. */
  readonly isPrefix: boolean;
}

/** How a field is compared. */
export interface FieldRule {
  /** The operators that it has, in the order in which messages list them. */
  readonly operators: readonly string[];
  /** What its values are, for messages. */
  readonly expected: string;
  /** The condition; undefined if the value is not of the field's type. */
  readonly compare: (operator: string, value: Value) => Filter | undefined;
}

const orders = ['=', '!=', '<', '<=', '>', '>='] as const;
const equalities = ['=', '!='] as const;

/** Whether an operator may precede a value that ends in an asterisk. */
export function takesPrefix(operator: string): boolean {
  return operator === '=' || operator === '!=';
}

/** The rules of the fields by their names. `tags` and `labels` are in it with `:` only; see `labelRule` for a label. */
export const fieldRules: ReadonlyMap<string, FieldRule> = new Map([
  ...Object.entries(textFields).map(([name, field]) => [name, textRule(field)] as const),
  ['created_by', creatorRule()] as const,
  ...Object.entries(timeFields).map(([name, field]) => [name, timeRule(field)] as const),
  ['use_count', { operators: orders, expected: 'an integer', compare: compareCounts }] as const,
  ['state', { operators: equalities, expected: states.join(', '), compare: compareStates }] as const,
  ['tags', { operators: [':'], expected: 'a tag', compare: hasTag }] as const,
  ['labels', { operators: [':'], expected: 'the key of a label', compare: hasLabel }] as const,
]);

/** The rule of the label with a key. */
export function labelRule(key: string): FieldRule {
  return {
    operators: [...orders, ':'],
    expected: 'a text',
    compare: (operator, { text, isPrefix }) => {
      if (operator === ':' && isPrefix) return text === '' ? { kind: 'label_present', key } : undefined;
      if (isPrefix) return negatedIf(operator, { kind: 'label_prefix', key, prefix: text });
      return ordered(operator === ':' ? '=' : operator, (by) => ({ kind: 'label', key, operator: by, value: text }));
    },
  };
}

function textRule(field: TextField): FieldRule {
  return {
    operators: orders,
    expected: 'a text',
    compare: (operator, { text, isPrefix }) =>
      isPrefix
        ? negatedIf(operator, { kind: 'prefix', field, prefix: text })
        : ordered(operator, (by) => ({ kind: 'text', field, operator: by, value: text })),
  };
}

/** Either form of an id is accepted; any other text equals no creator, and is compared as a text. */
function creatorRule(): FieldRule {
  const asText = textRule('createdBy');
  return {
    ...asText,
    compare: (operator, value) => {
      const reference = takesPrefix(operator) && !value.isPrefix ? parseReference('user', value.text) : undefined;
      return reference ? negatedIf(operator, { kind: 'creator', reference }) : asText.compare(operator, value);
    },
  };
}

function timeRule(field: TimeField): FieldRule {
  return {
    operators: orders,
    expected: 'a time as in RFC 3339, in double quotes',
    compare: (operator, { text, isPrefix }) => {
      const value = isPrefix ? undefined : parseTime(text);
      return value && compareTimes(field, operator, { value, isWhole: isWholeMillisecond(text) });
    },
  };
}

/** Stored times are whole milliseconds, and `value` is truncated: a time between two of them equals none. */
function compareTimes(
  field: TimeField,
  operator: string,
  { value, isWhole }: { readonly value: Date; readonly isWhole: boolean },
): Filter | undefined {
  if (isWhole) return ordered(operator, (by) => ({ kind: 'time', field, operator: by, value }));
  if (takesPrefix(operator)) return { kind: 'constant', value: operator === '!=' };
  const by = operator.startsWith('<') ? '<=' : '>';
  return { kind: 'time', field, operator: by, value };
}

function isWholeMillisecond(time: string): boolean {
  const [, fraction = ''] = /\.(\d+)/.exec(time) ?? [];
  return /^0*$/.test(fraction.slice(3));
}

function compareCounts(operator: string, { text, isPrefix }: Value): Filter | undefined {
  const value = Number(text);
  if (isPrefix || !/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) return undefined;
  return ordered(operator, (by) => ({ kind: 'count', operator: by, value }));
}

function compareStates(operator: string, { text, isPrefix }: Value): Filter | undefined {
  const state = states.find((known) => known === text);
  return isPrefix || state === undefined ? undefined : negatedIf(operator, { kind: 'state', state });
}

function hasTag(_: string, { text, isPrefix }: Value): Filter | undefined {
  return isPrefix ? undefined : { kind: 'tag', tag: text };
}

function hasLabel(_: string, { text, isPrefix }: Value): Filter | undefined {
  return isPrefix ? undefined : { kind: 'label_present', key: text };
}

function negatedIf(operator: string, part: Filter): Filter {
  return operator === '!=' ? { kind: 'not', part } : part;
}

function ordered(operator: string, compare: (operator: Operator) => Comparison): Filter {
  if (operator === '<' || operator === '<=' || operator === '>' || operator === '>=') return compare(operator);
  return negatedIf(operator, compare('='));
}
