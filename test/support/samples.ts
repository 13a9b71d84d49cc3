import { expect } from 'chai';
import type { JsonValue } from '../../src/vault/json.ts';

/** What a server chooses anew each time: ids, tokens and times. A page prints samples of them. */
const chosenPattern =
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?:CRD|WSP|USR)-[0-9A-F]{16}|cof_[\w-]{43}|fn_sess_[0-9a-f]{64}/;
const timePattern = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
/** Members whose values are opaque to callers. */
const opaqueMembers: ReadonlySet<string> = new Set(['next_page_token', 'resume_token', 'prefix']);
/** In a printed answer, an object with this member has further ones, and a text that ends with it is longer. */
const ellipsis = '…';

/**
 * Compares the answers that a page prints with those of a server. What a server chooses anew has a sample in the page, which
 * stands for the same value wherever it is printed again, in requests as well.
 */
export class Samples {
  readonly #actual = new Map<string, string>();
  readonly #replaced: Readonly<Record<string, string>>;

  /** @param replaced texts of printed answers that are different in this comparison */
  constructor(replaced: Readonly<Record<string, string>> = {}) {
    this.#replaced = replaced;
  }

  /** Replaces the samples in a request by the values that they stand for. */
  fill(text: string): string {
    const known = [...this.#actual.keys()].toSorted((one, other) => other.length - one.length);
    return known.reduce((filled, sample) => filled.replaceAll(sample, this.#actual.get(sample) ?? sample), text);
  }

  /** @param place where the values are, for messages */
  expectAlike(printed: JsonValue, actual: JsonValue | undefined, place: string): void {
    if (typeof printed === 'string') this.#expectText(printed, actual, place);
    else if (Array.isArray(printed)) this.#expectList(printed, actual, place);
    else if (typeof printed === 'object' && printed !== null) this.#expectObject(printed, actual, place);
    else expect(actual, place).to.equal(printed);
  }

  #expectText(printed: string, actual: JsonValue | undefined, place: string): void {
    const text = typeof actual === 'string' ? actual : expect.fail(`${place} is no text`);
    if (printed.endsWith(ellipsis)) expect(text.startsWith(printed.slice(0, -1)), `${place}: ${text}`).to.equal(true);
    else if (printed !== '' && opaqueMembers.has(place.split('.').at(-1) ?? '')) this.#bind(printed, text, place);
    else if (timePattern.test(printed)) expect(text, place).to.match(timePattern);
    else this.#expectSampled(printed, text, place);
  }

  #expectSampled(printed: string, actual: string, place: string): void {
    const samples = printed.match(new RegExp(chosenPattern, 'g')) ?? [];
    const found = actual.match(new RegExp(chosenPattern, 'g')) ?? [];
    expect(found.length, `${place}: ${actual}`).to.equal(samples.length);
    for (const [index, sample] of samples.entries()) this.#bind(sample, found[index] ?? '', place);
    const expected = this.fill(printed);
    expect(actual, place).to.equal(this.#replaced[expected] ?? expected);
  }

  #bind(sample: string, actual: string, place: string): void {
    const known = this.#actual.get(sample);
    if (known !== undefined) expect(actual, `${place}: what ${sample} stands for`).to.equal(known);
    else this.#actual.set(sample, actual);
  }

  #expectList(printed: readonly JsonValue[], actual: JsonValue | undefined, place: string): void {
    const items: readonly JsonValue[] = Array.isArray(actual) ? actual : expect.fail(`${place} is no list`);
    const isCut = printed.at(-1) === ellipsis;
    const shown = isCut ? printed.slice(0, -1) : printed;
    expect(items.length, `length of ${place}`).to.be[isCut ? 'least' : 'equal'](shown.length);
    for (const [index, item] of shown.entries()) this.expectAlike(item, items[index], `${place}[${index}]`);
  }

  #expectObject(printed: object, actual: JsonValue | undefined, place: string): void {
    const shown = Object.entries(printed).filter(([name]) => name !== ellipsis);
    const members = new Map<string, JsonValue>(Object.entries(Object(actual)));
    const names = shown.map(([name]) => this.fill(name));
    if (ellipsis in printed) expect([...members.keys()], place).to.include.members(names);
    else expect([...members.keys()].toSorted(), place).to.deep.equal(names.toSorted());
    for (const [name, value] of shown) this.expectAlike(value, members.get(this.fill(name)), `${place}.${name}`);
  }
}
