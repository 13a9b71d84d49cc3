/** What a field of a secret holds: something to be hidden, an address, or other text. */
export type FieldKind = 'secret' | 'url' | 'text';

/** One field of the secrets of a provider. */
export interface ProviderField {
  /** As Flowise's components call it. */
  readonly name: string;
  readonly label: string;
  readonly kind: FieldKind;
  /** The same field as another dialect calls it. */
  readonly alias?: string;
  /** What every value of it begins with. */
  readonly prefix?: string;
}

/** Whom secrets are for, as far as the vault knows him. */
export interface Provider {
  /** The common name, in lower case. */
  readonly key: string;
  readonly displayName: string;
  /** The name of Flowise's component, or one formed alike where Flowise has none. */
  readonly component: string;
  /** Further names that dialects know him by, in lower case. */
  readonly aliases: readonly string[];
  readonly fields: readonly ProviderField[];
}

const secret = (name: string, label: string): ProviderField => ({ name, label, kind: 'secret' });
const url = (name: string, label: string): ProviderField => ({ name, label, kind: 'url' });
const text = (name: string, label: string): ProviderField => ({ name, label, kind: 'text' });

type Row = readonly [displayName: string, component: string, fields: readonly ProviderField[], ...aliases: string[]];

/** By their keys. The components and their fields are Flowise's. @see https://github.com/FlowiseAI/Flowise packages/components */
const rows = {
  airtable: ['Airtable API', 'airtableApi', [secret('accessToken', 'Access Token')]],
  anthropic: ['Anthropic API', 'anthropicApi', [secret('anthropicApiKey', 'Anthropic Api Key')], 'claude'],
  aws: [
    'AWS security credentials',
    'awsApi',
    [
      secret('awsKey', 'AWS Access Key'),
      secret('awsSecret', 'AWS Secret Access Key'),
      secret('awsSession', 'AWS Session Key'),
      text('roleArn', 'Role ARN'),
      text('externalId', 'External ID'),
    ],
    'bedrock',
  ],
  azure: [
    'Azure OpenAI API',
    'azureOpenAIApi',
    [
      secret('azureOpenAIApiKey', 'Azure OpenAI Api Key'),
      text('azureOpenAIApiInstanceName', 'Azure OpenAI Api Instance Name'),
      text('azureOpenAIApiDeploymentName', 'Azure OpenAI Api Deployment Name'),
      text('azureOpenAIApiVersion', 'Azure OpenAI Api Version'),
    ],
    'azure_openai',
  ],
  binance: ['Binance API', 'binanceApi', [secret('apiKey', 'API Key'), secret('apiSecret', 'API Secret')]],
  cohere: ['Cohere API', 'cohereApi', [secret('cohereApiKey', 'Cohere Api Key')]],
  custom: ['HTTP Api Key', 'httpApiKey', [text('key', 'Key'), secret('value', 'Value')]],
  deepseek: ['DeepseekAI API', 'deepseekApi', [secret('deepseekApiKey', 'DeepseekAI API Key')]],
  discord: ['Discord API', 'discordApi', [secret('botToken', 'Bot Token')]],
  elevenlabs: ['Eleven Labs API', 'elevenLabsApi', [secret('elevenLabsApiKey', 'Eleven Labs API Key')]],
  figma: ['Figma API', 'figmaApi', [secret('accessToken', 'Access Token')]],
  github: ['Github API', 'githubApi', [secret('accessToken', 'Access Token')]],
  google: [
    'Google Generative AI',
    'googleGenerativeAI',
    [secret('googleGenerativeAPIKey', 'Google AI API Key')],
    'gemini',
  ],
  google_vertex: [
    'Google Vertex Auth',
    'googleVertexAuth',
    [
      text('googleApplicationCredentialFilePath', 'Google Application Credential File Path'),
      secret('googleApplicationCredential', 'Google Credential JSON Object'),
      text('projectID', 'Project ID'),
    ],
    'gcp',
  ],
  groq: ['Groq API', 'groqApi', [secret('groqApiKey', 'Groq Api Key')]],
  huggingface: ['HuggingFace API', 'huggingFaceApi', [secret('huggingFaceApiKey', 'HuggingFace Api Key')]],
  langfuse: [
    'Langfuse API',
    'langfuseApi',
    [
      secret('langFuseSecretKey', 'Secret Key'),
      text('langFusePublicKey', 'Public Key'),
      url('langFuseEndpoint', 'Endpoint'),
    ],
  ],
  mistral: ['MistralAI API', 'mistralAIApi', [secret('mistralAIAPIKey', 'MistralAI API Key')], 'mistralai'],
  mongodb: ['MongoDB ATLAS', 'mongoDBUrlApi', [url('mongoDBConnectUrl', 'ATLAS Connection URL')]],
  notion: ['Notion API', 'notionApi', [secret('notionIntegrationToken', 'Notion Integration Token')]],
  openai: ['OpenAI API', 'openAIApi', [secret('openAIApiKey', 'OpenAI Api Key')]],
  openrouter: ['OpenRouter API Key', 'openRouterApi', [secret('openRouterApiKey', 'OpenRouter API Key')]],
  perplexity: ['Perplexity API', 'perplexityApi', [secret('perplexityApiKey', 'Perplexity API Key')]],
  pinecone: ['Pinecone API', 'pineconeApi', [secret('pineconeApiKey', 'Pinecone Api Key')]],
  postgres: ['Postgres API', 'PostgresApi', [text('user', 'User'), secret('password', 'Password')], 'postgresql'],
  qdrant: ['Qdrant API', 'qdrantApi', [secret('qdrantApiKey', 'Qdrant API Key')]],
  redis: ['Redis URL', 'redisCacheUrlApi', [url('redisUrl', 'Redis URL')]],
  replicate: ['Replicate API', 'replicateApi', [secret('replicateApiKey', 'Replicate Api Key')]],
  serpapi: ['Serp API', 'serpApi', [secret('serpApiKey', 'Serp Api Key')]],
  slack: [
    'Slack Bot Token',
    'slackApi',
    [
      { name: 'botToken', label: 'Bot Token', kind: 'secret', alias: 'bot_token', prefix: 'xoxb-' },
      text('teamId', 'Team ID'),
    ],
  ],
  stripe: ['Stripe API', 'stripeApi', [secret('stripeApiToken', 'Stripe API Token')]],
  supabase: ['Supabase API', 'supabaseApi', [secret('supabaseApiKey', 'Supabase API Key')]],
  tavily: ['Tavily API', 'tavilyApi', [secret('tavilyApiKey', 'Tavily Api Key')]],
  telegram: ['Telegram API', 'telegramApi', [secret('botToken', 'Bot Token')]],
  together: ['TogetherAI API', 'togetherAIApi', [secret('togetherAIApiKey', 'TogetherAI Api Key')], 'togetherai'],
  upstash: [
    'Upstash Redis API',
    'upstashRedisApi',
    [url('upstashConnectionUrl', 'Upstash Redis REST URL'), secret('upstashConnectionToken', 'Token')],
  ],
  weaviate: ['Weaviate API', 'weaviateApi', [secret('weaviateApiKey', 'Weaviate API Key')]],
} as const satisfies Record<string, Row>;

/** Every provider that the vault knows; any other is as welcome, and all that it stores counts as secret. */
export const providers: readonly Provider[] = Object.entries<Row>(rows).map(
  ([key, [displayName, component, fields, ...aliases]]) => ({ key, displayName, component, aliases, fields }),
);

const bySpelling: ReadonlyMap<string, Provider> = new Map(
  providers.flatMap((provider) => namesOf(provider).map((name) => [name.toLowerCase(), provider])),
);

/** Finds a provider by any of his names, in any case of letters; undefined for one that the vault does not know. */
export function findProvider(name: string): Provider | undefined {
  return bySpelling.get(name.toLowerCase());
}

/**
 * Whether a provider's name says nothing about the fields of its secrets: that of one which the vault does not know, or `custom`,
 * which several dialects take for all others. Only its component, `httpApiKey`, has fields of its own.
 */
export function isFreeForm(name: string): boolean {
  const provider = findProvider(name);
  return (
    provider === undefined || (provider.key === 'custom' && name.toLowerCase() !== provider.component.toLowerCase())
  );
}

/**
 * The name that a credential's provider has after a caller sent one. Another name of the present provider changes nothing: dialects
 * show a provider by a name of theirs, and their clients send that back.
 */
export function providerAfter(present: string, sent: string): string {
  const provider = findProvider(sent);
  return provider !== undefined && provider === findProvider(present) ? present : sent;
}

/** The spellings that the dialects are known to store for a provider: each of his names, as it is and in upper case. */
export function spellingsOf(provider: Provider): readonly string[] {
  return namesOf(provider).flatMap((name) => [name, name.toUpperCase()]);
}

/** Finds a field of a provider's secrets; undefined where the vault does not know it, and it must be taken for a secret. */
export function findField(provider: string, name: string): ProviderField | undefined {
  return findProvider(provider)?.fields.find((field) => field.name === name || field.alias === name);
}

function namesOf({ key, component, aliases }: Provider): readonly string[] {
  return [key, component, ...aliases];
}
