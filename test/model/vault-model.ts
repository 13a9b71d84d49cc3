import {
  callers,
  operations,
  secretFields,
  type ModelAnswer,
  type ModelCall,
  type ModelCredential,
  type ModelState,
  type Operation,
  type SecretContent,
} from './model-state.ts';

/** What a call does: its answer, and the credential afterwards if it changes. */
interface Effect {
  readonly answer: ModelAnswer;
  readonly after?: ModelCredential;
}

/** A call with its answer, and the state that it leaves. */
export interface Step {
  readonly answer: ModelAnswer;
  readonly state: ModelState;
  /** The id of the credential that it creates, or that the first of equal requests has created. */
  readonly createdId?: string | undefined;
}

/**
 * What a vault does, one call after the other: authorization first, then the id of the request, then the scope and existence,
 * then the etag, then the state.
 *
 * @param createdId the id that the server has chosen for a creation
 */
export function stepOf(state: ModelState, call: ModelCall, createdId: string | undefined): Step {
  const caller = callers[call.caller];
  const { rank, reveals } = operations[call.operation];
  if (caller.rank < rank || (reveals && !caller.mayReveal)) return refuse(state, 'PERMISSION_DENIED');
  if (call.requestId === undefined) return decide(state, call, createdId);
  const key = `${call.caller} ${call.requestId}`;
  const earlier = state.requests[key];
  const request = serializeRequest(call);
  if (earlier?.request === request) return { ...earlier, state };
  if (earlier) return refuse(state, 'REQUEST_ID_REUSED');
  const step = decide(state, call, createdId);
  if (step.answer.outcome !== 'ok') return step;
  const { answer } = step;
  const requests = { ...state.requests, [key]: { request, answer, createdId: step.createdId } };
  return { ...step, state: { ...step.state, requests } };
}

/** What makes a request another one: all that its message contains. */
function serializeRequest({ operation, id, etag, version, content, name, provider }: ModelCall): string {
  const contents: Partial<Record<Operation, readonly unknown[]>> = {
    create: [name, provider, content],
    update: [name, provider],
    addVersion: [content],
    restore: [version],
    destroy: [version],
  };
  return JSON.stringify([operation, ...(operation === 'create' ? [] : [id, etag]), ...(contents[operation] ?? [])]);
}

function decide(state: ModelState, call: ModelCall, createdId: string | undefined): Step {
  if (call.operation === 'create') return create(state, call, createdId);
  const found = state.credentials[call.id];
  if (!found || found.isPurged || !isWithin(call, found)) return refuse(state, 'NOT_FOUND');
  if (found.isDeleted && !reachesDeleted(call)) return refuse(state, 'NOT_FOUND');
  const { takesEtag } = operations[call.operation];
  if (takesEtag && call.etag !== undefined && !['*', String(found.revision)].includes(call.etag)) {
    return { state, answer: { outcome: 'ETAG_STALE', etag: String(found.revision) } };
  }
  const { answer, after } = effects[call.operation](found, call);
  return { answer, state: after ? withCredential(state, call.id, after) : state };
}

function withCredential(state: ModelState, id: string, credential: ModelCredential): ModelState {
  return { ...state, credentials: { ...state.credentials, [id]: credential } };
}

function refuse(state: ModelState, outcome: string): Step {
  return { state, answer: { outcome } };
}

function isWithin({ caller }: ModelCall, { provider }: Pick<ModelCredential, 'provider'>): boolean {
  const scope = callers[caller].provider;
  return scope === undefined || scope === provider;
}

function reachesDeleted({ operation, showDeleted }: ModelCall): boolean {
  return operation === 'undelete' || operation === 'purge' || (operation === 'get' && showDeleted);
}

function create(state: ModelState, call: ModelCall, createdId: string | undefined): Step {
  if (!isWithin(call, call)) return refuse(state, 'KEY_NARROWED');
  const created: ModelCredential = {
    name: call.name,
    provider: call.provider,
    isActive: true,
    isExpired: false,
    isDeleted: false,
    isPurged: false,
    revision: 1,
    currentVersion: 1,
    versions: { 1: call.content },
  };
  const id = createdId ?? 'unknown';
  return { answer: show(created).answer, state: withCredential(state, id, created), createdId: id };
}

const effects: Readonly<Record<Exclude<Operation, 'create'>, (found: ModelCredential, call: ModelCall) => Effect>> = {
  get: show,
  listVersions: (found) => ({ answer: { outcome: 'ok', versions: statesOfVersions(found) } }),
  reveal,
  compare,
  previewUpdate: (found, call) => {
    const { answer } = update(found, call);
    // The etag of a preview is empty: it belongs to no stored state.
    return { answer: { ...answer, ...(answer.credential && { credential: { ...answer.credential, etag: '' } }) } };
  },
  update,
  expire: (found) => change(found, { isExpired: true }),
  unexpire: (found) => change(found, { isExpired: false }),
  activate: (found) => change(found, { isActive: true }),
  deactivate: (found) => change(found, { isActive: false }),
  delete: (found) => change(found, { isDeleted: true }),
  undelete: (found) => (found.isDeleted ? change(found, { isDeleted: false }) : refusal('NOT_DELETED')),
  addVersion: (found, { content }) => addVersion(found, content),
  restore: (found, { version }) => {
    const content = contentOf(found, version);
    return typeof content === 'string' ? addVersion(found, content) : refusal(absenceOf(content));
  },
  destroy,
  purge: (found) => {
    if (!found.isDeleted) return refusal('NOT_DELETED');
    return { answer: { outcome: 'ok' }, after: { ...found, isPurged: true } };
  },
};

function refusal(outcome: string): Effect {
  return { answer: { outcome } };
}

function show(found: ModelCredential): Effect {
  const { name, provider, revision, currentVersion } = found;
  const credential = { name, provider, state: stateOf(found), etag: String(revision), currentVersion };
  return { answer: { outcome: 'ok', credential } };
}

/** A change that changes nothing is no change. */
function change(found: ModelCredential, to: Partial<ModelCredential>): Effect {
  const changed = { ...found, ...to };
  if (JSON.stringify(changed) === JSON.stringify(found)) return show(found);
  const after = { ...changed, revision: found.revision + 1 };
  return { ...show(after), after };
}

function update(found: ModelCredential, call: ModelCall): Effect {
  if (!isWithin(call, call)) return refusal('KEY_NARROWED');
  return change(found, { name: call.name, provider: call.provider });
}

/** Also for equal content: the etag would reveal whether two secrets are equal. */
function addVersion(found: ModelCredential, content: SecretContent): Effect {
  const currentVersion = found.currentVersion + 1;
  return change(found, { currentVersion, versions: { ...found.versions, [currentVersion]: content } });
}

function destroy(found: ModelCredential, { version: sent }: ModelCall): Effect {
  const version = numberOf(found, sent);
  if (version === found.currentVersion) return refusal('VERSION_IS_CURRENT');
  const content = contentOf(found, version);
  if (typeof content !== 'string') return refusal(absenceOf(content));
  const { after } = change(found, { versions: { ...found.versions, [version]: null } });
  return { answer: { outcome: 'ok' }, ...(after && { after }) };
}

function reveal(found: ModelCredential, { version }: ModelCall): Effect {
  const inactivity = inactivityOf(found);
  if (inactivity !== undefined) return refusal(inactivity);
  const content = contentOf(found, version);
  if (typeof content !== 'string') return refusal(absenceOf(content));
  return { answer: { outcome: 'ok', secret: secretFields[content], version: numberOf(found, version) } };
}

function inactivityOf({ isExpired, isActive }: ModelCredential): string | undefined {
  if (isExpired) return 'CREDENTIAL_EXPIRED';
  return isActive ? undefined : 'CREDENTIAL_INACTIVE';
}

function compare(found: ModelCredential, { version, otherVersion }: ModelCall): Effect {
  const inactivity = inactivityOf(found);
  if (inactivity !== undefined) return refusal(inactivity);
  const contents = [contentOf(found, version), contentOf(found, otherVersion)];
  const absent = contents.find((content) => typeof content !== 'string');
  if (contents.some((content) => typeof content !== 'string')) return refusal(absenceOf(absent));
  const [one = {}, other = {}] = contents.map((content) => (content ? secretFields[content] : {}));
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  const fields = names.map((name) => [name, changeOf(one[name], other[name])] as const);
  return { answer: { outcome: 'ok', fields: Object.fromEntries(fields) } };
}

function changeOf(one: string | undefined, other: string | undefined): string {
  if (one === undefined) return 'ADDED';
  if (other === undefined) return 'REMOVED';
  return one === other ? 'SAME' : 'CHANGED';
}

/** Version 0 is the current one. */
function numberOf({ currentVersion }: ModelCredential, version: number): number {
  return version === 0 ? currentVersion : version;
}

/** Null if it was destroyed, undefined if it never existed. */
function contentOf(found: ModelCredential, version: number): SecretContent | null | undefined {
  return found.versions[numberOf(found, version)];
}

function absenceOf(content: null | undefined | string): string {
  return content === null ? 'VERSION_DESTROYED' : 'VERSION_NOT_FOUND';
}

function statesOfVersions({ versions, currentVersion }: ModelCredential): Readonly<Record<number, string>> {
  const states = Object.entries(versions).map(([number, content]) => [
    number,
    content === null ? 'DESTROYED' : Number(number) === currentVersion ? 'CURRENT' : 'SUPERSEDED',
  ]);
  return Object.fromEntries(states);
}

function stateOf({ isDeleted, isExpired, isActive }: ModelCredential): string {
  if (isDeleted) return 'DELETED';
  if (isExpired) return 'EXPIRED';
  return isActive ? 'ACTIVE' : 'INACTIVE';
}
