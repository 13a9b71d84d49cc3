/** Where a text stops being JSON, in characters, and why; the reason quotes nothing of the text. */
export interface JsonTextFault {
  readonly offset: number;
  readonly reason: string;
}

type Expectation = 'value' | 'value or end' | 'name' | 'name or end' | 'colon' | 'comma or end';

interface Scan {
  readonly text: string;
  /** The brackets that are open. */
  readonly open: ('{' | '[')[];
  at: number;
  expected: Expectation;
}

class FaultFound extends Error {
  readonly fault: JsonTextFault;

  constructor(offset: number, reason: string) {
    super(reason);
    this.fault = { offset, reason };
  }
}

/**
 * Finds out why a text is not JSON, since JSON.parse tells it by quoting the text. The reasons are those of Python's `json`,
 * which the clients of some dialects know.
 *
 * @param text one that JSON.parse has refused
 * @see https://www.rfc-editor.org/rfc/rfc8259
 */
export function findJsonFault(text: string): JsonTextFault {
  const scan: Scan = { text, open: [], at: 0, expected: 'value' };
  try {
    for (;;) {
      scan.at = matchAt(/[ \t\n\r]*/y, scan);
      steps[scan.expected](scan);
    }
  } catch (error) {
    if (error instanceof FaultFound) return error.fault;
    throw error;
  }
}

const steps: Readonly<Record<Expectation, (scan: Scan) => void>> = {
  value: readValue,
  'value or end': (scan) => (scan.text[scan.at] === ']' ? close(scan) : readValue(scan)),
  name: readName,
  'name or end': (scan) => (scan.text[scan.at] === '}' ? close(scan) : readName(scan)),
  colon(scan) {
    if (scan.text[scan.at] !== ':') throw new FaultFound(scan.at, "Expecting ':' delimiter");
    scan.at += 1;
    scan.expected = 'value';
  },
  'comma or end'(scan) {
    const bracket = scan.open.at(-1);
    const character = scan.text[scan.at];
    if (bracket === undefined) throw new FaultFound(scan.at, 'Extra data');
    if (character === (bracket === '{' ? '}' : ']')) {
      close(scan);
      return;
    }
    if (character !== ',') throw new FaultFound(scan.at, "Expecting ',' delimiter");
    scan.at += 1;
    scan.expected = bracket === '{' ? 'name' : 'value';
  },
};

function readValue(scan: Scan): void {
  const character = scan.text[scan.at];
  if (character === '{' || character === '[') {
    scan.open.push(character);
    scan.at += 1;
    scan.expected = character === '{' ? 'name or end' : 'value or end';
    return;
  }
  const end =
    character === '"'
      ? endOfString(scan)
      : matchAt(/true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y, scan);
  if (end === scan.at) throw new FaultFound(scan.at, 'Expecting value');
  scan.at = end;
  scan.expected = 'comma or end';
}

function readName(scan: Scan): void {
  if (scan.text[scan.at] !== '"') {
    throw new FaultFound(scan.at, 'Expecting property name enclosed in double quotes');
  }
  scan.at = endOfString(scan);
  scan.expected = 'colon';
}

function close(scan: Scan): void {
  scan.open.pop();
  scan.at += 1;
  scan.expected = 'comma or end';
}

/** Behind the closing quote. */
function endOfString({ text, at: start }: Scan): number {
  let at = start + 1;
  for (; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') return at + 1;
    if (character < ' ') throw new FaultFound(at, 'Invalid control character at');
    if (character === '\\') {
      if (!/^(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/.test(text.slice(at + 1, at + 6)))
        throw new FaultFound(at, 'Invalid \\escape');
      at += 1;
    }
  }
  throw new FaultFound(start, 'Unterminated string starting at');
}

/** The end of what a sticky pattern matches at the scan's place; that place itself where it does not match. */
function matchAt(pattern: RegExp, { text, at }: Scan): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}
