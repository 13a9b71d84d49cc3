import type { SettingName, SettingReader } from './setting-reader.ts';

/** Where the master key comes from; `file` is `<data>/master.key`, which the first start makes. */
export type MasterKeyConfig =
  /** `file` is where the value was read from, if it was: after a rotation it is read again. */
  | { readonly kind: 'password'; readonly password: string; readonly file: string | null }
  | { readonly kind: 'key'; readonly key: string; readonly file: string | null }
  | { readonly kind: 'command'; readonly program: string; readonly parameters: readonly string[] }
  | {
      readonly kind: 'transit';
      /** The URL of the transit engine, such as `https://bao.example.com:8200/v1/transit`. */
      readonly url: string;
      /** The name of the key in the engine. */
      readonly key: string;
      readonly token: string;
      /** The authority of the server's certificate in PEM; null for the public ones. */
      readonly authority: string | null;
    }
  | { readonly kind: 'file' }
  /** The server starts sealed, and gets the key by the call Unseal. */
  | { readonly kind: 'unseal' };

const passwordCharactersMin = 12;
const keyPattern = /^[A-Za-z0-9+/]{43}=$/;
const transitKeyPattern = /^[\w.-]{1,128}$/;
const tokenPattern = /^[\x21-\x7e]{1,4096}$/;
const transitNames = ['COFFER_TRANSIT_KEY', 'COFFER_TRANSIT_TOKEN', 'COFFER_TRANSIT_CA'] as const;

/** The settings that name a place, with what reads each. */
const parsers = {
  COFFER_MASTER_PASSWORD: parsePassword,
  COFFER_MASTER_KEY: parseKey,
  COFFER_MASTER_KEY_COMMAND: parseCommand,
  COFFER_TRANSIT_URL: parseTransit,
} as const satisfies Partial<Record<SettingName, (text: string, reader: SettingReader) => MasterKeyConfig>>;
const placeNames = [
  'COFFER_MASTER_PASSWORD',
  'COFFER_MASTER_KEY',
  'COFFER_MASTER_KEY_COMMAND',
  'COFFER_TRANSIT_URL',
] as const;

/** Parses where the master key comes from, of which there is one place; none where the server starts sealed. */
export function parseMasterKey(reader: SettingReader, { sealedStart }: { sealedStart: boolean }): MasterKeyConfig {
  const given = placeNames.filter((name) => reader.text(name) !== undefined);
  if (given.length > 1) reader.problem(`${given.join(' and ')} exclude one another`);
  for (const name of transitNames) {
    if (reader.text(name) !== undefined && reader.text('COFFER_TRANSIT_URL') === undefined) {
      reader.problem(`${name} needs COFFER_TRANSIT_URL beside it`);
    }
  }
  const parsed = given.map((name) => parsers[name](reader.text(name) ?? '', reader));
  if (!parsed[0] && !sealedStart && reader.text('COFFER_DATABASE_URL') !== undefined) {
    reader.problem(`COFFER_DATABASE_URL needs ${placeNames.join(' or ')} beside it, or COFFER_SEALED_START`);
  }
  return parsed[0] ?? { kind: sealedStart ? 'unseal' : 'file' };
}

function parsePassword(password: string, reader: SettingReader): MasterKeyConfig {
  if (password.length < passwordCharactersMin) {
    reader.problem(`COFFER_MASTER_PASSWORD must have at least ${passwordCharactersMin} characters`);
  }
  return { kind: 'password', password, file: reader.fileOf('COFFER_MASTER_PASSWORD') };
}

function parseKey(key: string, reader: SettingReader): MasterKeyConfig {
  if (!keyPattern.test(key)) reader.problem('COFFER_MASTER_KEY must be 32 bytes in base64');
  return { kind: 'key', key, file: reader.fileOf('COFFER_MASTER_KEY') };
}

function parseCommand(text: string, reader: SettingReader): MasterKeyConfig {
  const parsed = parseCommandText(text);
  if (parsed) return parsed;
  reader.problem('COFFER_MASTER_KEY_COMMAND must be the path of a program, or a JSON list of it and its arguments');
  return { kind: 'command', program: '', parameters: [] };
}

/** Parses a path, or a JSON list of a program and its arguments; undefined for anything else. */
export function parseCommandText(text: string): Extract<MasterKeyConfig, { kind: 'command' }> | undefined {
  const [program = '', ...parameters] = text.startsWith('[') ? listOf(text) : [text];
  const isUsable = program !== '' && [program, ...parameters].every((part) => !part.includes('\0'));
  return isUsable ? { kind: 'command', program, parameters } : undefined;
}

function listOf(text: string): readonly string[] {
  try {
    const parsed: unknown = JSON.parse(text);
    const isList = Array.isArray(parsed) && parsed.every((part) => typeof part === 'string');
    return isList ? parsed.map(String) : [];
  } catch {
    return [];
  }
}

function parseTransit(url: string, reader: SettingReader): MasterKeyConfig {
  const key = reader.matching(
    'COFFER_TRANSIT_KEY',
    transitKeyPattern,
    'must be the name of a key of the transit engine',
  );
  const token = reader.matching('COFFER_TRANSIT_TOKEN', tokenPattern, 'must be a token: ASCII without spaces');
  if (key === null || token === null) {
    reader.problem('COFFER_TRANSIT_URL needs COFFER_TRANSIT_KEY and COFFER_TRANSIT_TOKEN_FILE beside it');
  }
  const authority = reader.text('COFFER_TRANSIT_CA') ?? null;
  if (authority !== null && !authority.includes('-----BEGIN CERTIFICATE-----')) {
    reader.problem('COFFER_TRANSIT_CA_FILE must be the path of a PEM file with certificates');
  }
  const engine = engineOf(url);
  if (engine === undefined) {
    reader.problem('COFFER_TRANSIT_URL must be an https URL, without a user, a password or a query');
  }
  return { kind: 'transit', url: engine ?? url, key: key ?? '', token: token ?? '', authority };
}

/** The URL of the engine; a URL without a path has it where OpenBao and Vault mount it by default. */
function engineOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { hash, origin, password, pathname, protocol, search, username } = new URL(text);
  if (protocol !== 'https:' || username + password + search + hash !== '') return undefined;
  return origin + (pathname === '/' ? '/v1/transit' : pathname.replace(/\/+$/, ''));
}
