import type { Command } from 'commander';
import type { CommandContext, Session } from '../context/context.ts';
import { enumName, formatTime, messageJson } from '../credentials/credential-text.ts';
import { findCredential } from '../credentials/find-credential.ts';
import { formatTable, type Column } from '../output/table.ts';
import type { SharedOptions } from '../settings/settings.ts';
import {
  SecretVersion_StateSchema,
  SecretVersionSchema,
  type SecretVersion,
} from '../../gen/coffer/v1/secret_version_pb.ts';

const columns: readonly Column<SecretVersion>[] = [
  { heading: 'VERSION', text: ({ version }) => String(version) },
  { heading: 'STATE', text: ({ state }) => enumName(SecretVersion_StateSchema, state) },
  { heading: 'CREATED', text: ({ createdAt }) => formatTime(createdAt) },
  { heading: 'CREATED BY', text: ({ createdBy }) => createdBy },
];

/** Registers `versions`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('versions')
    .argument('<name>', 'name or id of the credential')
    .action(async (reference: string, options: SharedOptions) => {
      const session = await context.openSession(options);
      const { id } = await findCredential(session, reference);
      const versions = await listVersions(session, id);
      const text = () => formatTable(columns, versions, context.output);
      const json = () => ({ versions: versions.map((version) => messageJson(SecretVersionSchema, version)) });
      context.output.print({ text, json }, options);
    });
}

async function listVersions({ coffer, workspaceId }: Session, credentialId: string): Promise<readonly SecretVersion[]> {
  const listed: SecretVersion[] = [];
  let pageToken = '';
  do {
    const page = await coffer.secrets.listSecretVersions({ workspaceId, credentialId, pageSize: 1_000, pageToken });
    listed.push(...page.versions);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return listed;
}
