import { randomBytes, randomInt } from 'node:crypto';
import { outcomeOf } from './history.ts';
import type { Held, Ledger } from './ledger.ts';
import type { VaultClient } from './vault-client.ts';

/** What a worker works with. */
export interface WorkerParts {
  readonly ledger: Ledger;
  /** The same protocol at each process; every call goes to any of them. */
  readonly clients: readonly VaultClient[];
  /** The same, for a caller who may reveal nothing. */
  readonly viewers: readonly VaultClient[];
}

type Operation = (worker: Worker) => Promise<void>;

/** How often each is done, of a hundred times. */
const operations: readonly (readonly [share: number, operation: Operation])[] = [
  [26, (worker) => worker.create()],
  [20, (worker) => worker.change()],
  [24, (worker) => worker.reveal()],
  [11, (worker) => worker.remove()],
  [2, (worker) => worker.removeTwice()],
  [10, (worker) => worker.changeShared()],
  [4, (worker) => worker.revealShared()],
  [2, (worker) => worker.fightForName()],
  [1, (worker) => worker.revealForbidden()],
];

/** One caller: it makes one call at a time, unless two of its calls are to compete. */
export class Worker {
  readonly #parts: WorkerParts;
  readonly #own: string[] = [];

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  async work(isOver: () => boolean): Promise<void> {
    while (!isOver()) await this.#choose()(this);
  }

  async create(): Promise<void> {
    const draft = { name: `load ${randomText()}`, value: randomText() };
    const { id } = await this.#client().create(draft);
    this.#ledger.count('credentials.create');
    this.#ledger.held.set(id, { ...draft, description: '' });
    this.#own.push(id);
  }

  async change(): Promise<void> {
    const own = this.#anyOwn();
    if (!own) return this.create();
    const client = this.#client();
    const text = randomText();
    await client.change(own.id, { text });
    this.#ledger.count(client.changesSecrets ? 'secrets.add_version' : 'credentials.update');
    const { name, value, description } = own.held;
    this.#ledger.held.set(
      own.id,
      client.changesSecrets ? { name, value: text, description } : { name, value, description: text },
    );
  }

  async reveal(): Promise<void> {
    const own = this.#anyOwn();
    if (!own) return this.create();
    const value = await this.#client().reveal(own.id);
    this.#ledger.revealed(own.id);
    this.#ledger.expect(value === own.held.value, 'another secret was revealed than the last that was stored');
  }

  async remove(): Promise<void> {
    const own = this.#anyOwn();
    if (!own) return this.create();
    await this.#client().remove(own.id);
    this.#removed(own.id);
  }

  /** Of two removals at once, one is too late. */
  async removeTwice(): Promise<void> {
    const own = this.#anyOwn();
    if (!own) return this.create();
    const both = [this.#client(), this.#client()].map((client) => outcomeOf(client.remove(own.id)));
    const outcomes = await Promise.all(both);
    const refusals = outcomes.flatMap((outcome) => ('refusal' in outcome ? [outcome.refusal] : []));
    this.#ledger.expect(refusals.join() === 'not_found', `of two removals, ${refusals.length} were refused`);
    this.#removed(own.id);
  }

  async changeShared(): Promise<void> {
    const client = this.#client();
    return client.changesSecrets ? this.#writeRegister(client) : this.#changeChained(client);
  }

  async revealShared(): Promise<void> {
    const { id, secret } = any(this.#ledger.registers);
    const revealed = await this.#ledger.ticks.time(() => this.#client().reveal(id));
    if ('refusal' in revealed) return this.#unexplained(revealed.refusal);
    this.#ledger.revealed(id);
    secret.read(revealed.answer, revealed);
  }

  /** Only one at a time may have the name; who gets it soon lets it go. Protocols whose names are free do something else. */
  async fightForName(): Promise<void> {
    const client = this.#client();
    if (!client.changesSecrets) return this.create();
    const { ticks, names } = this.#ledger;
    const [name, lives] = any([...names]);
    const created = await ticks.time(() => client.create({ name, value: randomText() }));
    if ('refusal' in created) {
      this.#ledger.expect(created.refusal === 'name_taken', `a name was refused as ${created.refusal}`);
      return lives.refused(created);
    }
    lives.began(created);
    this.#ledger.count('credentials.create');
    const { id } = created.answer;
    const removed = await ticks.time(() => this.#client().remove(id));
    if ('refusal' in removed) return this.#unexplained(removed.refusal);
    lives.ended(removed);
    this.#ledger.count('credentials.delete');
  }

  async revealForbidden(): Promise<void> {
    const { id } = any(this.#ledger.registers);
    const outcome = await outcomeOf(any(this.#parts.viewers).reveal(id));
    const isDenied = 'refusal' in outcome && outcome.refusal === 'permission_denied';
    this.#ledger.expect(isDenied, 'a viewer was not denied a secret');
    this.#ledger.count('access.denied');
  }

  async #changeChained(client: VaultClient): Promise<void> {
    const { id, changes } = any(this.#ledger.chained);
    const { etag } = await client.describe(id);
    const changed = await outcomeOf(client.change(id, { text: randomText(), etag }));
    if ('answer' in changed) {
      this.#ledger.count('credentials.update');
      changes.changed(etag, changed.answer.etag);
    } else if (changed.refusal === 'etag_stale') changes.refused(etag);
    else this.#unexplained(changed.refusal);
  }

  async #writeRegister(client: VaultClient): Promise<void> {
    const { id, secret } = any(this.#ledger.registers);
    const text = randomText();
    const written = await this.#ledger.ticks.time(() => client.change(id, { text }));
    if ('refusal' in written) return this.#unexplained(written.refusal);
    this.#ledger.count('secrets.add_version');
    secret.wrote(text, written);
  }

  #removed(id: string): void {
    this.#ledger.count('credentials.delete');
    this.#ledger.held.delete(id);
    this.#own.splice(this.#own.indexOf(id), 1);
  }

  #unexplained(refusal: string): void {
    this.#ledger.faults.push(`nothing explains ${refusal}`);
  }

  #anyOwn(): { readonly id: string; readonly held: Held } | undefined {
    if (this.#own.length === 0) return undefined;
    const id = any(this.#own);
    const held = this.#ledger.held.get(id);
    return held && { id, held };
  }

  #client(): VaultClient {
    return any(this.#parts.clients);
  }

  #choose(): Operation {
    let left = randomInt(100);
    for (const [share, operation] of operations) {
      if (left < share) return operation;
      left -= share;
    }
    throw new RangeError('the shares are not a hundred');
  }

  get #ledger(): Ledger {
    return this.#parts.ledger;
  }
}

function any<Item>(items: readonly Item[]): Item {
  const item = items[randomInt(items.length)];
  if (item === undefined) throw new RangeError('there is nothing to choose from');
  return item;
}

function randomText(): string {
  return randomBytes(12).toString('base64url');
}
