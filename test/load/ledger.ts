import { EtagChain, Lives, Register, Ticks } from './history.ts';
import type { Described } from './vault-client.ts';

/** What the vault must hold of a credential. */
export interface Held {
  readonly name: string;
  readonly value: string;
  readonly description: string;
}

/** Actions of the trail that the load causes. */
export type CountedAction =
  | 'credentials.create'
  | 'credentials.update'
  | 'credentials.delete'
  | 'secrets.add_version'
  | 'secrets.reveal'
  | 'access.denied';

/** A credential that several callers change, and what they were answered. */
export interface SharedCredential {
  readonly id: string;
  readonly name: string;
  /** The secret where the description is what they change. */
  readonly value: string;
  readonly changes: EtagChain;
  readonly secret: Register;
}

/** Everything that a run of the load was answered: the model that the vault is held against. */
export class Ledger {
  readonly ticks = new Ticks();
  /** By id; each belongs to one worker. */
  readonly held = new Map<string, Held>();
  /** How often each was revealed, by id. */
  readonly reveals = new Map<string, number>();
  readonly events = new Map<CountedAction, number>();
  readonly chained: SharedCredential[] = [];
  readonly registers: SharedCredential[] = [];
  readonly names: ReadonlyMap<string, Lives>;
  /** What no model explains. */
  readonly faults: string[] = [];

  constructor(names: readonly string[]) {
    this.names = new Map(names.map((name) => [name, new Lives()]));
  }

  share(kind: 'chained' | 'registers', { id, etag }: Described, { name, value }: Omit<Held, 'description'>): void {
    this[kind].push({ id, name, value, changes: new EtagChain(etag), secret: new Register(value) });
  }

  count(action: CountedAction): void {
    this.events.set(action, (this.events.get(action) ?? 0) + 1);
  }

  revealed(id: string): void {
    this.count('secrets.reveal');
    this.reveals.set(id, (this.reveals.get(id) ?? 0) + 1);
  }

  expect(isTrue: boolean, fault: string): void {
    if (!isTrue) this.faults.push(fault);
  }
}
