import { randomUUID } from 'node:crypto';
import type { DescMessage } from '@bufbuild/protobuf';
import type { JsonValue } from '../../src/vault/json.ts';
import type { Endpoint, RequestParts } from '../hostile/endpoints.ts';
import { encode, hostileBinary } from '../hostile/hostile-binary.ts';
import { hostileHeaders, hostileQueries, hostileSegments } from '../hostile/hostile-heads.ts';
import { hostileJson } from '../hostile/hostile-json.ts';
import type { HostileRequest } from '../hostile/senders.ts';
import { validMessage, validValue, type KnownValues } from '../hostile/valid-message.ts';
import { nameOfRpc } from '../support/bound-rpcs.ts';
import { createDice, type Dice } from '../support/dice.ts';
import { absentThings } from '../support/matrix-requests.ts';
import type { World } from './world.ts';

/** A request, and what it is, for the report. */
export interface RandomRequest {
  readonly title: string;
  readonly request: HostileRequest;
  readonly isStream: boolean;
}

const headBytesMax = 14_000;
const bodyBytesMax = 1_000_000;

/** They read the whole trail, however long it has become: no caller of these requests may. */
const ownersMayNot: ReadonlySet<string> = new Set([
  'coffer.v1.AuditService.StreamVerifyAuditTrail',
  'coffer.v1.AuditService.VerifyAuditTrail',
]);

/** Makes the request of a number: the same one for the same seed, number and world. */
export function randomRequest(
  endpoints: readonly Endpoint[],
  world: World,
  seed: number,
  number: number,
): RandomRequest {
  const dice = createDice(seed * 1_000_003 + number);
  // The first numbers of neighbouring seeds are alike.
  for (let times = 0; times < 8; times += 1) dice.below(2);
  const endpoint = dice.pick(endpoints);
  const known = knownValues(dice, world);
  const [what, body] = bodyOf(dice, endpoint, known);
  const parts: RequestParts = {
    known,
    token: tokenOf(dice, endpoint, world),
    ...headOf(dice, endpoint),
    ...(body !== undefined && { body }),
  };
  return {
    title: `${endpoint.title}: ${what}`,
    request: endpoint.request(parts),
    isStream: endpoint.one.rpc.method.methodKind !== 'unary',
  };
}

function tokenOf(dice: Dice, { one }: Endpoint, { ownerToken, tokens }: World): string | undefined {
  const roll = dice.below(20);
  if (roll < 2) return undefined;
  if (roll < 3)
    return dice.pick(['x', `cof_${'a'.repeat(43)}`, 'e30.e30.e30', dice.bytes(50).replaceAll(/[^!-~]/g, '')]);
  return roll < 6 && !ownersMayNot.has(nameOfRpc(one.rpc.method)) ? ownerToken : dice.pick(tokens);
}

function knownValues(dice: Dice, world: World): KnownValues {
  const isAbsent = dice.below(10) === 0;
  const index = dice.below(world.credentialIds.length);
  const id = isAbsent ? (absentThings['credential_id'] ?? '') : (world.credentialIds[index] ?? '');
  return {
    ...absentThings,
    workspace_id: isAbsent ? 'default' : dice.pick([world.workspaceShortId, world.workspaceShortId, world.workspaceId]),
    credential_id: id,
    ...(dice.below(2) === 0 && { id: randomUUID() }),
    name: dice.below(2) === 0 ? (world.names[index] ?? '') : `random ${dice.below(1_000_000_000)}`,
  };
}

type Body = readonly [what: string, body: string | Buffer | undefined];

function bodyOf(dice: Dice, { message, format }: Endpoint, known: KnownValues): Body {
  if (!message) return dice.below(50) === 0 ? ['a body', dice.bytes(100)] : ['no body', undefined];
  const valid = JSON.stringify(withMore(dice, message, known));
  const inFormat = (json: string) => (format === 'json' ? json : (encode(message, json) ?? Buffer.alloc(0)));
  const roll = dice.below(20);
  if (roll < 7) return ['valid', inFormat(valid)];
  if (roll < 11)
    return ['one random field', inFormat(JSON.stringify({ ...JSON.parse(valid), ...randomMember(dice, message) }))];
  if (roll < 15) return ['spoilt', spoil(dice, inFormat(valid))];
  if (roll < 16) return ['nothing', ''];
  const cases = format === 'json' ? hostileJson(message, known) : hostileBinary(message, known);
  const title = dice.pick(Object.keys(cases));
  const bytes = Math.floor(16 * Math.exp((dice.below(1_000) / 1_000) * Math.log(bodyBytesMax / 16)));
  return [`${title}, ${bytes} bytes`, cases[title]?.(bytes)];
}

/** What it must have, and some of what it may. */
function withMore(dice: Dice, message: DescMessage, known: KnownValues) {
  const more = message.fields.filter(() => dice.below(4) === 0);
  return {
    ...Object.fromEntries(more.map((field) => [field.name, validValue(field, known)])),
    ...validMessage(message, known),
  };
}

function randomMember(dice: Dice, { fields }: DescMessage): Readonly<Record<string, JsonValue>> {
  const name = fields.length > 0 && dice.below(5) > 0 ? dice.pick(fields).name : dice.bytes(10);
  return { [name]: randomValue(dice, 4) };
}

function randomValue(dice: Dice, depth: number): JsonValue {
  const scalars: readonly (() => JsonValue)[] = [
    () => null,
    () => dice.below(2) === 0,
    () => dice.below(2 ** 32) - 2 ** 31,
    () => dice.below(1_000) / 7,
    () => dice.bytes(300),
    () => '\u{1f511}'.repeat(dice.below(100)),
    () =>
      dice.pick([
        '',
        '\0',
        '\ud800',
        '2030-01-01T00:00:00Z',
        '9999-12-31T23:59:59.999999999Z',
        '1e400',
        '__proto__',
        '****',
      ]),
    () => dice.pick([2 ** 53, -1, 1e308, 0.1]),
  ];
  if (depth === 0 || dice.below(3) > 0) return dice.pick(scalars)();
  const length = dice.below(8);
  if (dice.below(2) === 0) return Array.from({ length }, () => randomValue(dice, depth - 1));
  const names = Array.from({ length }, () => dice.pick(['a', 'name', '__proto__', 'constructor', dice.bytes(8)]));
  return Object.fromEntries(names.map((name) => [name, randomValue(dice, depth - 1)]));
}

/** Changes, drops, doubles or adds a few bytes. */
function spoil(dice: Dice, body: string | Buffer): string | Buffer {
  let spoilt = Buffer.from(body).toString('latin1');
  for (let times = 1 + dice.below(3); times > 0; times -= 1) {
    const at = dice.below(spoilt.length + 1);
    const length = dice.below(12);
    const middle = dice.pick(['', dice.bytes(12), spoilt.slice(at, at + 2 * length)]);
    spoilt = spoilt.slice(0, at) + middle + spoilt.slice(at + length);
  }
  return Buffer.from(spoilt, 'latin1');
}

/** Now and then something is wrong with the query, the path or the headers. */
function headOf(dice: Dice, { parameters, variables }: Endpoint): Partial<RequestParts> {
  const bytes = 1 + dice.below(dice.below(2) === 0 ? 100 : headBytesMax);
  const roll = dice.below(12);
  if (roll === 0) return { query: pickOf(dice, hostileQueries(parameters))(bytes) };
  if (roll === 1) return { headers: pickOf(dice, hostileHeaders)(bytes) };
  if (roll === 2 && variables.length > 0)
    return { segment: [dice.pick(variables), pickOf(dice, hostileSegments)(bytes)] };
  if (roll > 5 || parameters.length === 0) return {};
  const values = [
    '',
    '0',
    '1',
    '-1',
    '10',
    'x',
    'true',
    '2030-01-01T00:00:00Z',
    'name',
    '%00',
    '%F0%9F%94%91',
    '99999999999999999999',
  ];
  return {
    query: Array.from({ length: 1 + dice.below(4) }, () => `${dice.pick(parameters)}=${dice.pick(values)}`).join('&'),
  };
}

function pickOf<T>(dice: Dice, choices: Readonly<Record<string, T>>): T {
  return dice.pick(Object.values(choices));
}
