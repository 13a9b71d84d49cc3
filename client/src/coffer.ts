import { createClient, type Client } from '@connectrpc/connect';
import { AccessService } from './gen/coffer/v1/access_service_pb.ts';
import { AuditService } from './gen/coffer/v1/audit_service_pb.ts';
import { CredentialService } from './gen/coffer/v1/credential_service_pb.ts';
import { EventService } from './gen/coffer/v1/event_service_pb.ts';
import { KeyService } from './gen/coffer/v1/key_service_pb.ts';
import { SecretService } from './gen/coffer/v1/secret_service_pb.ts';
import { WorkspaceService } from './gen/coffer/v1/workspace_service_pb.ts';
import type { CofferOptions } from './options.ts';
import { CofferTransport } from './transport/coffer-transport.ts';
import { parseUrl, type TransportFactory } from './transport/endpoint.ts';
import { createFetchTransport } from './transport/fetch-transport.ts';

const defaultTimeoutMs = 10_000;

/** A client of a Coffer: a typed client of each service, and short ways to the secrets of one workspace. */
export class Coffer {
  /** The workspace of the short ways. */
  readonly workspace: string;
  readonly access: Client<typeof AccessService>;
  readonly audit: Client<typeof AuditService>;
  readonly credentials: Client<typeof CredentialService>;
  readonly events: Client<typeof EventService>;
  readonly keys: Client<typeof KeyService>;
  readonly secrets: Client<typeof SecretService>;
  readonly workspaces: Client<typeof WorkspaceService>;

  constructor(options: CofferOptions, createTransport: TransportFactory = createFetchTransport) {
    const { token, workspace = 'default', timeoutMs = defaultTimeoutMs } = options;
    const transport = new CofferTransport(createTransport({ baseUrl: parseUrl(options.url) }), { token, timeoutMs });
    this.workspace = workspace;
    this.access = createClient(AccessService, transport);
    this.audit = createClient(AuditService, transport);
    this.credentials = createClient(CredentialService, transport);
    this.events = createClient(EventService, transport);
    this.keys = createClient(KeyService, transport);
    this.secrets = createClient(SecretService, transport);
    this.workspaces = createClient(WorkspaceService, transport);
  }
}
