// Slack as a program uses it through @slack/web-api, @slack/webhook, @slack/socket-mode and @slack/bolt.
import { WebClient, LogLevel } from '@slack/web-api';
import { BASE } from './expect.mjs';
import { basics } from './basics.mjs';
import { conversations } from './conversations.mjs';
import { messages } from './messages.mjs';
import { people } from './people.mjs';
import { surfaces } from './surfaces.mjs';
import { events } from './events.mjs';

const client = (token) =>
  new WebClient(token, {
    slackApiUrl: `${BASE}/api/`,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    logLevel: LogLevel.ERROR,
    logger: { debug() {}, info() {}, warn() {}, error() {}, setLevel() {}, getLevel: () => LogLevel.ERROR, setName() {} },
  });

const world = {
  bot: client('xoxb-suite'),
  alice: client('xoxp-alice'),
  bob: client('xoxp-bob'),
  client,
};

async function known() {
  const { members } = await world.bot.users.list({});
  const { channels } = await world.alice.conversations.list({ types: 'public_channel,private_channel', limit: 200 });
  world.user = Object.fromEntries(members.map((one) => [one.name, one.id]));
  world.channel = Object.fromEntries(channels.map((one) => [one.name, one.id]));
  for (const name of ['engineering', 'support']) await world.bot.conversations.join({ channel: world.channel[name] });
}

await known().catch((error) => console.error(`the seed is not there: ${error.message}`));
world.user ??= {};
world.channel ??= {};
for (const area of [basics, conversations, messages, people, surfaces, events]) {
  await area(world).catch((error) => console.error(`${area.name} broke off: ${error.stack}`));
}
process.exit(0);
