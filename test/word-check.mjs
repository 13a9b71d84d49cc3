// Checks the project's language. The words below made readers stumble: they belong to no field, or refer to a caller as a
// man. `npm run words` checks src/, client/, proto/, every Markdown file and the titles of tests, and names what to write instead.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const pronouns = { words: /\b(he|him|his|himself)\b/gi, instead: 'the caller, the user, they' };

const forbidden = [
  pronouns,
  { words: /\b(tells?|told|telling)\b/gi, instead: 'record, notify, report, return, distinguish' },
  { words: /\b(spells?|spelled|spelt)\b/gi, instead: 'format, serialize, write' },
  { words: /\b(says?|said|saying)\b/gi, instead: 'state, describe, return, require' },
  { words: /\bvouch(e[sd]|ing)?\b/gi, instead: 'verify, record, issue' },
  { words: /\b(whoever|whom|nobody)\b/gi, instead: 'the caller, a user, an attacker, no one' },
  { words: /\bliving\b/gi, instead: 'valid (keys, sessions), not deleted (credentials)' },
  { words: /\bdeeds?\b/gi, instead: 'action, event' },
  { words: /\bnarrow(ing|ed)\b/gi, instead: 'scope, scoped' },
  { words: /\bsealers?\b/gi, instead: 'cipher' },
  { words: /\b(prover|proof)s?\b/gi, instead: 'authentication, authentication method' },
  { words: /\btogether\(/g, instead: 'combine()' },
  { words: /\bgiven up\b/gi, instead: 'canceled, closed' },
  { words: /\bcan't\b/gi, instead: 'cannot' },
  { words: /\blone\b/gi, instead: 'standalone, single' },
  { words: /\btroubles?\b/gi, instead: 'failure, problem' },
  {
    words: /\bof (its|their|our) own\b(?! (?!and|or|that|which|but|for|in|on|at|with|by|from|to|is|are)[a-z])/gi,
    instead: 'its own, separate, dedicated',
  },
  { words: /\bby hand\b/gi, instead: 'manually' },
  { words: /\balone\b/gi, instead: 'only' },
];

/** Files of others, and generated ones. */
const foreign = /^(gen|client\/src\/gen|proto\/(buf|google)|test\/gateway\/gen)\//;

/** Texts that stay, and why. */
const exempt = [
  { text: /(?<=[`'"])nobody(?=[`'"])/g, reason: 'an account of the operating system' },
  { text: /tell_grant_(change|truncation)/g, reason: 'functions and triggers of a released migration' },
  {
    text: /narrowed-keys|NarrowedKeys|vouched-memberships|VouchedMemberships/g,
    reason: 'released migrations',
  },
  { text: /KEY_NARROWED/g, reason: 'a released reason of errors' },
  { text: /\blone[ _]surrogates?\b/g, reason: 'the term of ECMAScript' },
  { text: /`(client\/)?(src|test)\/[^`]*`/g, reason: 'a path, which is checked where the file is' },
];

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((path) => existsSync(path) && !foreign.test(path));
const findings = files.flatMap((path) => search(path, withoutExempt(path), forbidden).concat(findingsOf(path)));
for (const { path, line, word, instead } of findings) {
  process.stderr.write(`${path}:${line}: "${word}"; write ${instead}, or rephrase\n`);
}
if (findings.length > 0) process.exitCode = 1;

function findingsOf(path) {
  const text = withoutExempt(readFileSync(path, 'utf8'));
  if (path.endsWith('.md') || /^(src|proto|client\/src)\/.*\.(ts|proto|mjs)$/.test(path))
    return search(path, text, forbidden);
  if (!/^(client\/)?test\/.*\.(ts|mjs)$/.test(path) || path === 'test/word-check.mjs') return [];
  return search(path, text, [pronouns]).concat(search(path, titlesOf(text), forbidden.slice(1)));
}

/** A text without what is exempt, of the same length and lines. */
function withoutExempt(text) {
  return exempt.reduce((rest, each) => rest.replaceAll(each.text, blank), text);
}

/** Blanks everything but the titles of suites and cases. */
function titlesOf(text) {
  const title = /(?<=\b(?:describe|it)(?:\.\w+|\)| : it\.skip\))?\(\s*)(['"`])(?:\\.|(?!\1)[^\\])*\1/g;
  let titles = '';
  let end = 0;
  for (const { 0: found, index } of text.matchAll(title)) {
    titles += blank(text.slice(end, index)) + found;
    end = index + found.length;
  }
  return titles;
}

/** Searches for words also as parts of identifiers, and for phrases also across lines of a comment. */
function search(path, text, rules) {
  const words = text
    .replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => ` ${letter}`)
    .replaceAll('_', ' ')
    .replaceAll(/(?<=\n)[^\S\n]*(\/\/|\*|>)/g, blank);
  return rules.flatMap(({ words: pattern, instead }) =>
    [...words.matchAll(phrase(pattern))].map(({ 0: word, index }) => {
      const line = words.slice(0, index).split('\n').length;
      return { path, line, word: word.replaceAll(/\s+/g, ' '), instead };
    }),
  );
}

/** The pattern with any gap where it has a space. */
function phrase({ source, flags }) {
  return new RegExp(source.replaceAll(' ', String.raw`\s+`), flags);
}

function blank(text) {
  return text.replaceAll(/[^\n]/g, ' ');
}
