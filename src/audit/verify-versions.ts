import type { TrailFault } from '../vault/audit/verification.ts';
import { VaultError } from '../vault/errors.ts';
import type { WorkspaceCipherSource, WorkspaceCipher } from '../vault/workspaces/ports.ts';
import type { VersionEvidence, VersionReader } from '../vault/audit/ports.ts';
import type { VerificationProgress } from './chain-verifier.ts';
import { faultOfRow } from './verify-trail.ts';

const table = 'credential_version';

export interface VerifyingVersions {
  readonly reader: VersionReader;
  readonly ciphers: WorkspaceCipherSource;
  readonly progress: VerificationProgress;
  /** After so many, the rest is not read. */
  readonly versionsMax: number;
  /** Cancels reading. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Opens every version in its position and yields those that are missing, inserted, changed or do not open. Destroyed versions
 * must have no bytes, and pruned ones no rows.
 */
export async function* verifyVersions({
  reader,
  ciphers,
  progress,
  versionsMax,
  signal,
}: VerifyingVersions): AsyncGenerator<TrailFault> {
  const count = new VersionCount();
  let versionsLeft = versionsMax;
  let workspaceId: string | undefined;
  let cipher: WorkspaceCipher | undefined;
  for await (const versions of reader.readVersions(signal)) {
    for (const evidence of versions) {
      if (evidence.workspaceId !== workspaceId) {
        workspaceId = evidence.workspaceId;
        cipher = await cipherFor(ciphers, workspaceId);
        if (!cipher && (await reader.workspaceExists(workspaceId, signal))) yield keysUnreadable(workspaceId);
      }
      if (versionsLeft === 0) return;
      versionsLeft -= 1;
      await progress.count();
      yield* count.take(evidence);
      if (evidence.version === null) continue;
      if (!evidence.isGenuine || evidence.isDestroyed !== (evidence.sealed === null)) yield isChanged(evidence);
      else if (cipher && !opens(cipher, evidence)) yield doesNotOpen(evidence);
    }
  }
  yield* count.end();
}

/** Checks that the versions of a credential are numbered without gaps from the oldest that is kept up to the current one. */
class VersionCount {
  #last: { readonly evidence: VersionEvidence; readonly version: number } | undefined;

  /** @param evidence of the next version, credential by credential */
  *take(evidence: VersionEvidence): Generator<TrailFault> {
    const { credentialId, currentVersion, oldestVersion, version, workspaceId } = evidence;
    const oldest = oldestVersion ?? 1;
    const last = this.#last?.evidence;
    const isSame = last?.credentialId === credentialId && last.workspaceId === workspaceId;
    if (!isSame) yield* this.end();
    const next = isSame ? (this.#last?.version ?? 0) + 1 : 1;
    // Versions may be pruned while the credential is read.
    yield* missing(evidence, Math.max(next, oldest), Math.min((version ?? currentVersion + 1) - 1, currentVersion));
    if (version !== null && version < oldest) {
      yield faultOfRow(
        'INSERTED',
        table,
        `${nameOf(evidence, version)} was inserted: versions before ${oldest} were pruned`,
      );
    }
    if (version !== null && version > currentVersion) {
      yield faultOfRow(
        'INSERTED',
        table,
        `${nameOf(evidence, version)} was inserted: the current one is ${currentVersion}`,
      );
    }
    this.#last = { evidence, version: version ?? currentVersion };
  }

  *end(): Generator<TrailFault> {
    if (!this.#last) return;
    const { evidence, version } = this.#last;
    this.#last = undefined;
    yield* missing(evidence, Math.max(version + 1, evidence.oldestVersion ?? 1), evidence.currentVersion);
  }
}

function* missing(evidence: VersionEvidence, from: number, to: number): Generator<TrailFault> {
  if (from > to) return;
  const which = from === to ? nameOf(evidence, from) : `${nameOf(evidence, from)}, and all up to version ${to}`;
  yield faultOfRow('REMOVED', table, `${which} ${from === to ? 'is' : 'are'} missing`);
}

function isChanged(evidence: VersionEvidence): TrailFault {
  return faultOfRow('CHANGED', table, `${nameOf(evidence, evidence.version)} was changed`);
}

function doesNotOpen(evidence: VersionEvidence): TrailFault {
  return faultOfRow(
    'CHANGED',
    table,
    `${nameOf(evidence, evidence.version)} was changed after it was sealed, or moved`,
  );
}

function keysUnreadable(workspaceId: string): TrailFault {
  return faultOfRow('CHANGED', 'workspace_key', `the keys of workspace ${workspaceId} are missing or changed`);
}

function nameOf({ credentialId, workspaceId }: VersionEvidence, version: number | null): string {
  return `version ${version} of credential ${credentialId} of workspace ${workspaceId}`;
}

async function cipherFor(ciphers: WorkspaceCipherSource, workspaceId: string): Promise<WorkspaceCipher | undefined> {
  try {
    return await ciphers.cipherFor(workspaceId);
  } catch (error) {
    if (error instanceof VaultError && error.code === 'secret_unreadable') return undefined;
    throw error;
  }
}

function opens(cipher: WorkspaceCipher, { credentialId, sealed, version, workspaceId }: VersionEvidence): boolean {
  if (sealed === null) return true;
  try {
    cipher.open({ workspaceId, credentialId, version: version ?? 0 }, sealed);
    return true;
  } catch (error) {
    if (error instanceof VaultError && error.code === 'secret_unreadable') return false;
    throw error;
  }
}
