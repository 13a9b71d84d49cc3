import { expect } from 'chai';
import { KnownWorkspaces, knownForMs } from '../../../src/authentication/oidc/oidc-access.ts';
import type { Reference } from '../../../src/vault/ids.ts';
import { ManualAccessChanges } from '../manual-access-changes.ts';
import { now } from '../memory-access-store.ts';

const id = '018cc251-f400-7000-8000-00000000000a';
const signal = new AbortController().signal;

describe('KnownWorkspaces', () => {
  let time = now;
  let asked: Reference[];
  let exists: boolean;
  let accessChanges: ManualAccessChanges;
  let known: KnownWorkspaces;

  beforeEach(() => {
    time = now;
    asked = [];
    exists = true;
    accessChanges = new ManualAccessChanges();
    const findWorkspace = async (reference: Reference) => {
      asked.push(reference);
      return exists ? { id, name: 'w', createdBy: id, createdAt: now } : undefined;
    };
    known = new KnownWorkspaces({ workspaces: { findWorkspace }, accessChanges, clock: { now: () => time } });
  });

  it('asks once for a workspace, in each of its spellings', async () => {
    for (const reference of [{ id }, { id }, { shortId: '800000000000000A' }, { shortId: '800000000000000A' }]) {
      expect(await known.find(reference, signal)).to.equal(id);
    }
    expect(asked).to.have.lengthOf(2);
  });

  it('remembers one that does not exist, too, but not for long', async () => {
    exists = false;
    expect(await known.find({ id }, signal)).to.equal(undefined);
    exists = true;
    expect(await known.find({ id }, signal)).to.equal(undefined);
    time = new Date(now.getTime() + knownForMs);
    expect(await known.find({ id }, signal)).to.equal(id);
    expect(asked).to.have.lengthOf(2);
  });

  it('learns at once that a workspace is gone, when it is notified', async () => {
    await known.find({ id }, signal);
    exists = false;
    accessChanges.notify({ kind: 'user', id });
    expect(await known.find({ id }, signal)).to.equal(id);
    accessChanges.notify({ kind: 'workspace', id });
    expect(await known.find({ id }, signal)).to.equal(undefined);
  });

  it('does not remember what was asked for while something changed', async () => {
    const asking = known.find({ id }, signal);
    exists = false;
    accessChanges.notify({ kind: 'any' });
    await asking;
    expect(await known.find({ id }, signal)).to.equal(undefined);
  });

  it('asks each time while it is not notified of changes', async () => {
    await known.find({ id }, signal);
    accessChanges.current = false;
    exists = false;
    expect(await known.find({ id }, signal)).to.equal(undefined);
  });

  it('learns before long that a workspace is gone', async () => {
    await known.find({ id }, signal);
    exists = false;
    time = new Date(now.getTime() + knownForMs);
    expect(await known.find({ id }, signal)).to.equal(undefined);
  });
});
