/** The kind of a field of a secret: a value to hide, a URL, or other text. */
export type FieldKind = 'secret' | 'url' | 'text';

/** One field of the secrets of a provider. */
export interface ProviderField {
  /** The name in Flowise's component. */
  readonly name: string;
  readonly label: string;
  readonly kind: FieldKind;
  /** The name of the same field in another dialect. */
  readonly alias?: string;
  /** The prefix of every value. */
  readonly prefix?: string;
}

/** A service for which credentials are stored. */
export interface Provider {
  /** The common name, in lower case. */
  readonly key: string;
  readonly displayName: string;
  /** The name of Flowise's component, or one of the same form where Flowise has none. */
  readonly component: string;
  /** Further names in dialects, in lower case. */
  readonly aliases: readonly string[];
  readonly fields: readonly ProviderField[];
}

const secret = (name: string, label: string): ProviderField => ({ name, label, kind: 'secret' });
const url = (name: string, label: string): ProviderField => ({ name, label, kind: 'url' });
const text = (name: string, label: string): ProviderField => ({ name, label, kind: 'text' });

type Row = readonly [displayName: string, component: string, fields: readonly ProviderField[], ...aliases: string[]];

/** By key. The components and their fields are Flowise's. @see https://github.com/FlowiseAI/Flowise packages/components */
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

/** The providers in the catalogue. Others are accepted as well, and all their fields count as secret. */
export const providers: readonly Provider[] = Object.entries<Row>(rows).map(
  ([key, [displayName, component, fields, ...aliases]]) => ({ key, displayName, component, aliases, fields }),
);

const bySpelling: ReadonlyMap<string, Provider> = new Map(
  providers.flatMap((provider) => namesOf(provider).map((name) => [name.toLowerCase(), provider])),
);

/** Finds a provider by any of its names, in upper or lower case; undefined for one outside of the catalogue. */
export function findProvider(name: string): Provider | undefined {
  return bySpelling.get(name.toLowerCase());
}

/**
 * Whether the fields of a provider's secrets are unknown: for one outside of the catalogue, and for `custom`, which several
 * dialects use for all others. Only the component of `custom`, `httpApiKey`, has known fields.
 */
export function isFreeForm(name: string): boolean {
  const provider = findProvider(name);
  return (
    provider === undefined || (provider.key === 'custom' && name.toLowerCase() !== provider.component.toLowerCase())
  );
}

/**
 * The provider of a credential after an update. Another name of the present provider changes nothing, since clients send back
 * the name by which their dialect shows it.
 */
export function providerAfter(present: string, sent: string): string {
  const provider = findProvider(sent);
  return provider !== undefined && provider === findProvider(present) ? present : sent;
}

/** The spellings that dialects may have stored for a provider: each of its names, also in upper case. */
export function spellingsOf(provider: Provider): readonly string[] {
  return namesOf(provider).flatMap((name) => [name, name.toUpperCase()]);
}

/** Finds a field of a provider's secrets; undefined for a field outside of the catalogue, which counts as secret. */
export function findField(provider: string, name: string): ProviderField | undefined {
  return findProvider(provider)?.fields.find((field) => field.name === name || field.alias === name);
}

function namesOf({ key, component, aliases }: Provider): readonly string[] {
  return [key, component, ...aliases];
}
