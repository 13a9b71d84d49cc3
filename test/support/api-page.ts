/** A request as a page prints it, with the response that it prints. */
export interface PrintedCall {
  /** The token of the caller, where it is not the admin's. */
  readonly key: string | undefined;
  readonly httpMethod: string;
  /** The path with its query. */
  readonly target: string;
  readonly body: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly answer: PrintedAnswer;
}

/** A response: its status with one JSON value, or the messages of a stream. */
export type PrintedAnswer =
  | { readonly kind: 'json'; readonly status: number; readonly json: string }
  | { readonly kind: 'events'; readonly events: readonly PrintedEvent[] };

/** A server-sent event. */
export interface PrintedEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
}

/** What a page has below the heading of an rpc. */
export interface RpcSection {
  /** The name of the rpc. */
  readonly name: string;
  readonly text: string;
  readonly calls: readonly PrintedCall[];
}

const headingPattern = /^### (\w+)\n([\s\S]*?)(?=^##)/gm;
const examplePattern = /^```sh\n([\s\S]*?)^```\n\n```(json|text)(?: (\d+))?\n([\s\S]*?)^```$/gm;
const commandPattern =
  /^(?:KEY=(\S+) )?coffer (GET|POST|PATCH|DELETE) '?([^\s']+)'?(?: '([^']*)')?((?: '[\w-]+: [^']*')*)\n$/;

/**
 * Reads the sections of a page: those with a heading of the third level.
 *
 * @throws Error for a block of shell that is not one call with its response
 */
export function readApiPage(page: string): readonly RpcSection[] {
  return Array.from(`${page}\n##`.matchAll(headingPattern), ([, name = '', text = '']) => ({
    name,
    text,
    calls: callsOf(name, text),
  }));
}

function callsOf(name: string, text: string): readonly PrintedCall[] {
  const calls = Array.from(text.matchAll(examplePattern), ([, command = '', language, status = '200', answer = '']) =>
    callOf(name, command, language === 'json' ? jsonAnswer(status, answer) : eventsAnswer(answer)),
  );
  const blocks = text.match(/^```sh$/gm) ?? [];
  if (blocks.length !== calls.length) throw new Error(`${name} has a block of shell without a response`);
  return calls;
}

function callOf(name: string, command: string, answer: PrintedAnswer): PrintedCall {
  const match = commandPattern.exec(command);
  if (!match) throw new Error(`${name} has a command of another form: ${command}`);
  const [, key, httpMethod = '', target = '', body, headers = ''] = match;
  return { key, httpMethod, target, body: body || undefined, headers: headersOf(headers), answer };
}

function headersOf(text: string): Readonly<Record<string, string>> {
  const headers = Array.from(text.matchAll(/'([\w-]+): ([^']*)'/g), ([, name = '', value = '']) => [
    name.toLowerCase(),
    value,
  ]);
  return Object.fromEntries(headers);
}

function jsonAnswer(status: string, json: string): PrintedAnswer {
  return { kind: 'json', status: Number(status), json };
}

function eventsAnswer(text: string): PrintedAnswer {
  const events = readEvents(text);
  if (events.length === 0) throw new Error('a printed stream has no event');
  return { kind: 'events', events };
}

/** Reads the complete server-sent events of a text; others than those with data are left out. */
export function readEvents(text: string): readonly PrintedEvent[] {
  return text.split('\n\n').flatMap((block) => {
    const fieldOf = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
    const data = fieldOf('data');
    return data === undefined ? [] : [{ id: fieldOf('id'), event: fieldOf('event'), data }];
  });
}
