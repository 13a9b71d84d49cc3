/** Where a text stops being JSON, in characters, and why. The reason quotes nothing of the text. */
export interface JsonTextFault {
  readonly offset: number;
  readonly reason: string;
}

interface Scan {
  readonly text: string;
  /** The codes of the open brackets. */
  readonly open: Uint8Array;
  depth: number;
  at: number;
}

/** Reads one token, and returns what must read the next one. */
type Step = (scan: Scan) => Step;

class FaultFound extends Error {
  readonly fault: JsonTextFault;

  constructor(offset: number, reason: string) {
    super(reason);
    this.fault = { offset, reason };
  }
}

/**
 * Finds why a text is not JSON, because the message of JSON.parse quotes the text. The reasons are those of Python's `json`, which
 * the clients of some dialects know.
 *
 * @param text one that JSON.parse has refused
 * @see https://www.rfc-editor.org/rfc/rfc8259
 */
export function findJsonFault(text: string): JsonTextFault {
  const scan: Scan = { text, open: new Uint8Array(text.length), depth: 0, at: 0 };
  let step: Step = readValue;
  try {
    for (;;) {
      skipWhiteSpace(scan);
      step = step(scan);
    }
  } catch (error) {
    if (error instanceof FaultFound) return error.fault;
    throw error;
  }
}

/** Character codes, because comparing one-character strings costs several times as much. */
const codes = { quote: 0x22, comma: 0x2c, colon: 0x3a, backslash: 0x5c } as const;
const square = { open: 0x5b, close: 0x5d } as const;
const curly = { open: 0x7b, close: 0x7d } as const;

function readValue(scan: Scan): Step {
  const { text, at } = scan;
  const code = text.charCodeAt(at);
  if (code === curly.open || code === square.open) {
    scan.open[scan.depth] = code;
    scan.depth += 1;
    scan.at += 1;
    return code === curly.open ? readNameOrEnd : readValueOrEnd;
  }
  const end = code === codes.quote ? endOfString(scan) : endOfScalar(scan);
  if (end === at) throw new FaultFound(at, 'Expecting value');
  scan.at = end;
  return readCommaOrEnd;
}

function readValueOrEnd(scan: Scan): Step {
  return scan.text.charCodeAt(scan.at) === square.close ? close(scan) : readValue(scan);
}

function readName(scan: Scan): Step {
  if (scan.text.charCodeAt(scan.at) !== codes.quote) {
    throw new FaultFound(scan.at, 'Expecting property name enclosed in double quotes');
  }
  scan.at = endOfString(scan);
  return readColon;
}

function readNameOrEnd(scan: Scan): Step {
  return scan.text.charCodeAt(scan.at) === curly.close ? close(scan) : readName(scan);
}

function readColon(scan: Scan): Step {
  if (scan.text.charCodeAt(scan.at) !== codes.colon) throw new FaultFound(scan.at, "Expecting ':' delimiter");
  scan.at += 1;
  return readValue;
}

function readCommaOrEnd(scan: Scan): Step {
  const last = scan.open[scan.depth - 1];
  if (last === undefined) throw new FaultFound(scan.at, 'Extra data');
  const code = scan.text.charCodeAt(scan.at);
  const isObject = last === curly.open;
  if (code === (isObject ? curly.close : square.close)) return close(scan);
  if (code !== codes.comma) throw new FaultFound(scan.at, "Expecting ',' delimiter");
  scan.at += 1;
  return isObject ? readName : readValue;
}

function close(scan: Scan): Step {
  scan.depth -= 1;
  scan.at += 1;
  return readCommaOrEnd;
}

function skipWhiteSpace(scan: Scan): void {
  while (isWhiteSpace(scan.text.charCodeAt(scan.at))) scan.at += 1;
}

function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** The position after the closing quote. */
function endOfString({ text, at: start }: Scan): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === codes.quote) return at + 1;
    if (code < 0x20) throw new FaultFound(at, 'Invalid control character at');
    if (code === codes.backslash) {
      if (!startsLike(escapePattern, text, at)) throw new FaultFound(at, 'Invalid \\escape');
      at += 1;
    }
  }
  throw new FaultFound(start, 'Unterminated string starting at');
}

const escapePattern = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;
const scalarPattern = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;

/** The position after a number, `true`, `false` or `null`; unchanged if there is none of them. */
function endOfScalar({ text, at }: Scan): number {
  return startsLike(scalarPattern, text, at) ? scalarPattern.lastIndex : at;
}

/** @param pattern a sticky one, whose `lastIndex` is then after the match */
function startsLike(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}
