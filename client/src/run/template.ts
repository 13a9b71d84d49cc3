import { InvalidReferenceError, isReference, parseReference, type Reference } from './reference.ts';
import { refusalCodes, StartRefusal } from './start-refusal.ts';

/** A text with references between its literal parts, in order. */
export type Template = readonly (Buffer | Reference)[];

const lineFeed = 0x0a;

/**
 * Finds `{{ coffer://workspace/name/field }}` in a text of any encoding that extends ASCII. Other braces, such as those
 * of other template languages, stay as they are.
 *
 * @throws StartRefusal with the line of an invalid reference
 */
export function parseTemplate(source: Buffer): Template {
  const text = source.toString('latin1');
  const parts: (Buffer | Reference)[] = [];
  let end = 0;
  for (const {
    0: { length },
    1: inner = '',
    index,
  } of text.matchAll(/\{\{[ \t]*([^\s{}]+)[ \t]*\}\}/g)) {
    const content = Buffer.from(inner, 'latin1').toString('utf8');
    if (!isReference(content)) continue;
    parts.push(source.subarray(end, index), readReference(content, source, index));
    end = index + length;
  }
  return [...parts, source.subarray(end)];
}

/** The references of a template, in order. */
export function referencesOf(template: Template): readonly Reference[] {
  return template.filter((part): part is Reference => !Buffer.isBuffer(part));
}

/** The text with a value in the place of each reference. */
export function fillTemplate(template: Template, valueOf: (reference: Reference) => string): Buffer {
  return Buffer.concat(template.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(valueOf(part)))));
}

function readReference(content: string, source: Buffer, index: number): Reference {
  try {
    return parseReference(content);
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error;
    const line = source.subarray(0, index).filter((byte) => byte === lineFeed).length + 1;
    throw new StartRefusal(refusalCodes.usage, `line ${line}: ${error.message}`, { cause: error });
  }
}
