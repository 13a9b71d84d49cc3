import { timingSafeEqual } from 'node:crypto';
import type { Logger } from 'pino';
import type { AuditEvent } from '../vault/audit/audit-event.ts';
import { VaultError, vaultSealed } from '../vault/errors.ts';
import type { SealControl } from '../vault/workspaces/ports.ts';
import type { SealState } from '../vault/workspaces/seal-state.ts';
import type { Instance, InstanceParts } from './instance.ts';
import { openKeys, type OpeningOptions } from './open-instance.ts';
import { SealWatch } from './seal-watch.ts';

/** What a vault is opened and sealed with. */
export interface SealingParts {
  readonly instance: Instance;
  readonly opening: InstanceParts;
  readonly state: SealState;
  /** Starts what needs an open database, once: after the first opening it goes on also while the vault is sealed. */
  readonly begin: () => Promise<void>;
  /** Starts the work that needs the keys; the stack ends it. */
  readonly work: (stack: AsyncDisposableStack) => void;
  readonly log: Logger;
}

/** The transitions between a sealed and an open vault, in this process. */
export class Sealing implements AsyncDisposable, SealControl {
  readonly #parts: SealingParts;
  readonly #watch: SealWatch;
  #hasBegun = false;
  #working: AsyncDisposableStack | undefined;
  /** Ends the work of an earlier time. */
  #ending: Promise<void> = Promise.resolve();
  #isOpening = false;
  /** Identifies the instance keys, which never change, of the vault that was open before. */
  #identity: Uint8Array | undefined;

  constructor(parts: SealingParts) {
    this.#parts = parts;
    const { instance, log } = parts;
    this.#watch = new SealWatch({ store: instance.stores.seal, seal: (reason) => this.sealHere(reason), log });
    this.#watch.listen(instance.accessChangeListener);
    instance.renewal.sealBy((reason) => this.sealHere(reason));
  }

  /**
   * Opens the keys, and then the vault for calls. After a failure it is sealed. It is called for one opening at a time.
   *
   * @param prepared is awaited with the keys in memory, before the first call is served
   * @returns the file of the admin key, where there is one
   * @throws what `openKeys` and `prepared` throw; VaultError `unavailable` with the reason `SEALED` if it was sealed meanwhile
   */
  async open(options: OpeningOptions, prepared?: () => Promise<void>): Promise<string | undefined> {
    const { begin, instance, opening, state, work } = this.#parts;
    this.#isOpening = true;
    try {
      const adminKeyFile = await openKeys(instance, opening, { ...options, accept: () => this.#requireSameVault() });
      this.#requireSameVault();
      await this.#watch.begin();
      await prepared?.();
      if (!this.#hasBegun) await begin();
      this.#hasBegun = true;
      await this.#ending;
      if (!instance.keyring.isOpen) throw vaultSealed();
      this.#working = new AsyncDisposableStack();
      work(this.#working);
      state.open();
      return adminKeyFile;
    } catch (error) {
      this.#wipe();
      throw error;
    } finally {
      this.#isOpening = false;
    }
  }

  async seal(event: AuditEvent): Promise<void> {
    await this.#parts.instance.stores.seal.recordSeal(event);
    this.sealHere('an owner has sealed all servers');
  }

  /**
   * Wipes all keys of this process at once. Calls are refused from then on, also those in flight that still need a key; the work in
   * the background ends.
   *
   * @param reason for the operator
   */
  sealHere(reason: string): void {
    const { log, state } = this.#parts;
    if (state.isSealed && !this.#isOpening) return;
    this.#wipe();
    state.seal(reason);
    log.warn({ reason }, 'the vault is sealed');
    this.#ending = this.#endWork();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    await this.#ending;
    await this.#endWork();
  }

  /**
   * The row of the keyring has no MAC, and any caller may give a key: without this check, a writer of the database could replace the
   * vault while it is sealed, and open their own.
   */
  #requireSameVault(): void {
    const { grantMac } = this.#parts.instance.keyring;
    const identity = grantMac.compute('identity', []);
    this.#identity ??= identity;
    if (!timingSafeEqual(this.#identity, identity)) {
      throw new VaultError('failed_precondition', 'the database has another vault than when it was sealed');
    }
  }

  #wipe(): void {
    const { ciphers, keyring } = this.#parts.instance;
    this.#watch[Symbol.dispose]();
    ciphers.seal();
    keyring.close();
  }

  async #endWork(): Promise<void> {
    const working = this.#working;
    this.#working = undefined;
    await working?.disposeAsync();
  }
}
