import type { Source } from '../reading/source-input.ts';
import { dotenv } from './dotenv.ts';
import { fishnet } from './fishnet.ts';
import { flowise } from './flowise.ts';
import { json } from './json.ts';
import { miniflow } from './miniflow.ts';
import { n8n } from './n8n.ts';

/** What can be imported. */
export const sources: readonly Source[] = [flowise, n8n, fishnet, miniflow, dotenv, json];
