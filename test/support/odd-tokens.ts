import { sample, string } from 'fast-check';

/** Stands in every token that is no piece of a real one, so that it is found wherever a token turns up. */
export const tokenMark = 'zQ7mark';

/** Tokens that prove nobody, none of which is empty: by what is odd about each. `real` is one that proves somebody. */
export function oddTokens(real: string): Readonly<Record<string, string>> {
  const half = Math.floor(real.length / 2);
  return {
    ...piecesOf(real),
    'one that nobody has': `cof_${tokenMark.padEnd(43, 'A')}`,
    'a session that nobody has': `fn_sess_${'0f'.repeat(32)}`,
    'a mark alone': tokenMark,
    'just within the limit': tokenMark.padEnd(512, 'a'),
    'just beyond the limit': tokenMark.padEnd(513, 'a'),
    'huge, within what headers may take': tokenMark.padEnd(15_000, 'a'),
    'huge, beyond it': tokenMark.padEnd(100_000, 'a'),
    'a JWT without an algorithm': jwt({ alg: 'none' }, ''),
    'a JWT with a signature of nothing': jwt({ alg: 'HS256', kid: tokenMark }, 'AAAA'),
    'a JWT whose header is no JSON': `${tokenMark}.e30.AAAA`,
    'a JWT that is huge': `${tokenMark.padEnd(8_000, 'a')}.e30.AAAA`,
    'a JWT of nothing': `..${tokenMark}`,
    'a password of Basic': `Basic ${Buffer.from(`admin:${tokenMark}`).toString('base64')}${tokenMark}`,
    'a statement of SQL': `${tokenMark}' or 1=1 --`,
    'a name of a prototype': `__proto__${tokenMark}`,
    'a template': `\${${tokenMark}} {{7*7}} %s %n`,
    'letters of other alphabets': `${tokenMark}ключ鍵κλειδί`,
    'an emoji': `${tokenMark}🔑`,
    'a letter of Latin-1': `${tokenMark}\u00e9\u00ff`,
    'a combining letter': `${tokenMark}e\u0301`,
    'from right to left': `\u202e${tokenMark}`,
    'an invisible space': `${tokenMark}\u200b\u00a0\ufeff`,
    'wide letters': `${tokenMark}\uff43\uff4f\uff46\uff3f`,
    'a comma': `${tokenMark},${tokenMark}`,
    'a comma behind a real one': `${real},`,
    'another behind a real one': `${real}, Bearer ${tokenMark}`,
    'a real one behind another': `${tokenMark}, Bearer ${real}`,
    'a real one twice': `${real},${real}`,
    'a real one in quotes': `"${real}"`,
    'a real one with percents': real.replace('_', '%5F'),
    'a real one in base64': Buffer.from(real).toString('base64'),
    'a real one with a space in it': `${real.slice(0, half)} ${real.slice(half)}`,
    ...Object.fromEntries(
      ['\0', '\x01', '\x07', '\b', '\v', '\f', '\x1b[2J', '\x7f', '\x85'].flatMap((character) => [
        [`the control character ${escape(character)}`, `${tokenMark}${character}${tokenMark}`],
        [`a real one with ${escape(character)} behind it`, real + character],
      ]),
    ),
  };
}

/** As many random tokens, always the same ones: printable, binary, and a real one with one character changed. */
export function randomTokens(real: string, count: number): readonly string[] {
  const [seed, numRuns] = [20_261_120, count];
  const printable = sample(string({ unit: 'grapheme-ascii', maxLength: 600 }), { seed, numRuns });
  const binary = sample(string({ unit: 'binary', maxLength: 100 }), { seed, numRuns });
  const changed = Array.from({ length: count }, (_, index) => {
    const place = index % real.length;
    return real.slice(0, place) + (real[place] === '7' ? '8' : '7') + real.slice(place + 1);
  });
  return [...[...printable, ...binary].map((text) => tokenMark + text.replaceAll(/[\r\n]/g, '')), ...changed];
}

/** Whether a header may hold a token at all; Node's HTTP/2 leaves out what may not, as if it had not been sent. */
export function isHeaderValue(token: string): boolean {
  return Array.from(token).every((character) => character === '\t' || (character >= ' ' && character !== '\x7f'));
}

/** Whether a token comes through to those who judge it: a header may hold it, and it is not longer than headers may be. */
export function comesThrough(token: string): boolean {
  return isHeaderValue(token) && Buffer.byteLength(token) < 16_000;
}

function piecesOf(real: string): Readonly<Record<string, string>> {
  return {
    'a real one without its last character': real.slice(0, -1),
    'a real one without its first': real.slice(1),
    'a real one with one more': `${real}A`,
    'a real one backwards': real.split('').toReversed().join(''),
    'a real one in capitals': real.toUpperCase(),
    'a real one without its kind': real.slice('cof_'.length),
    'a real one of another kind': `fn_sess_${real.slice('cof_'.length)}`,
    'a real one twice in a row': real + real,
  };
}

function jwt(header: object, signature: string): string {
  return `${jwtPart(header)}.${jwtPart({ sub: 'owner', mark: tokenMark })}.${signature}`;
}

function jwtPart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function escape(character: string): string {
  return JSON.stringify(character);
}
