import { styleText } from 'node:util';
import { printableJson } from './terminal-text.ts';

/** The part of a standard stream that is used here. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined;
  write(content: string | Uint8Array): unknown;
}

/** The result of a command, in both of its forms. */
export interface Answer {
  /** For people: lines, each with its end. */
  readonly text: () => string;
  /** For programs, with `--json`: a message of the API in its JSON form, or a similar object. */
  readonly json: () => unknown;
}

/** The standard output has results only; notes, questions and progress are on the standard error. */
export class Output {
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #hasColors: boolean;

  constructor(stdout: OutputStream, stderr: OutputStream, environment: Readonly<Record<string, string | undefined>>) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    // See https://no-color.org: any value but the empty one.
    this.#hasColors = !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
  }

  /** Whether the results go to a terminal. */
  get isTerminal(): boolean {
    return this.#stdout.isTTY === true;
  }

  /** Whether notes and progress go to a terminal. */
  get hasTerminalForNotes(): boolean {
    return this.#stderr.isTTY === true;
  }

  /** Writes a text, or bytes, as they are. */
  write(content: string | Uint8Array): void {
    this.#stdout.write(content);
  }

  /** Prints a result, for people or, with `--json`, for programs. */
  print(answer: Answer, { json }: { readonly json?: boolean | undefined }): void {
    this.write(json ? `${printableJson(answer.json())}\n` : answer.text());
  }

  /** Writes a line for people, which is no result. */
  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** Writes a part of a line for people, such as progress that rewrites it. */
  writeNote(text: string): void {
    this.#stderr.write(text);
  }

  /** A text in bold for the standard output, if that shows colors. */
  bold(text: string): string {
    return this.isTerminal && this.#hasColors ? styleText('bold', text, { validateStream: false }) : text;
  }

  /** A text in red for the standard error, if that shows colors. */
  red(text: string): string {
    return this.hasTerminalForNotes && this.#hasColors ? styleText('red', text, { validateStream: false }) : text;
  }
}
