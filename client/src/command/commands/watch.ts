import type { Command } from 'commander';
import {
  CredentialEvent_Kind,
  CredentialEvent_KindSchema,
  CredentialEventSchema,
  type CredentialEvent,
} from '../../gen/coffer/v1/event_service_pb.ts';
import type { CommandContext } from '../context/context.ts';
import { enumName, formatTime, messageJson } from '../credentials/credential-text.ts';
import { followChanges } from '../credentials/follow-changes.ts';
import { printableJsonLine } from '../output/terminal-text.ts';
import type { SharedOptions } from '../settings/settings.ts';

interface WatchOptions extends SharedOptions {
  readonly resumeToken?: string;
  readonly includeReveals?: boolean;
}

/** Registers `watch`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('watch')
    .option('--resume-token <token>', 'continue after the change with which an earlier watch printed it (--json)')
    .option('--include-reveals', 'print reveals as well, which only ADMIN may see')
    .action((options: WatchOptions) => watch(context, options));
}

async function watch(context: CommandContext, options: WatchOptions): Promise<void> {
  const { output } = context;
  const session = await context.openSession(options);
  const { resumeToken = '', includeReveals = false, json } = options;
  const onLost = (reason: string) => output.note(`the connection is lost, and made again: ${reason}`);
  for await (const { event, resumeToken: token } of followChanges(session, { resumeToken, includeReveals, onLost })) {
    if (json === true) {
      output.write(`${printableJsonLine({ event: messageJson(CredentialEventSchema, event), resume_token: token })}\n`);
    } else output.write(formatEvent(event));
  }
}

function formatEvent({ time, kind, credentialId, revision, currentVersion, days }: CredentialEvent): string {
  const left = kind === CredentialEvent_Kind.EXPIRING ? `, in ${days} days` : '';
  const name = enumName(CredentialEvent_KindSchema, kind);
  return `${formatTime(time)}  ${credentialId}  ${name}${left}  revision ${revision}, version ${currentVersion}\n`;
}
