// What the service sends: events over HTTP and sockets, commands, clicks; and webhooks, which it is sent.
import { createHmac } from 'node:crypto';
import { SocketModeClient } from '@slack/socket-mode';
import { IncomingWebhook } from '@slack/webhook';
import bolt from '@slack/bolt';
import { BASE, advance, backendShape, check, eventShape, raw, receiver, recorded, same, step, that, today } from './expect.mjs';

const SECRET = 's3cr3t';

function signed(one, secret = SECRET) {
  const at = one.headers['x-slack-request-timestamp'];
  same(one.headers['x-slack-signature'], `v0=${createHmac('sha256', secret).update(`v0:${at}:${one.body}`).digest('hex')}`, 'the signature');
}

export async function events(world) {
  await webhooks(world);
  const server = await receiver();
  const heard = (fits) => (one) => one.path === '/events' && one.body.startsWith('{') && JSON.parse(one.body).type === 'event_callback' && fits(JSON.parse(one.body).event);
  server.answer = (one) => [200, one.path === '/events' ? (JSON.parse(one.body).challenge ?? '') : '', 'text/plain'];
  await check('events', 'the request URL is asked to prove itself', 'event', 'docs', async () => {
    const { challenge } = await step('request_url', { url: `${server.url}/events` });
    const one = await server.wait((got) => got.body.includes('url_verification'));
    const body = JSON.parse(one.body);
    same([body.type, body.challenge, typeof body.token], ['url_verification', challenge, 'string']);
    signed(one);
  });
  await new Promise((done) => setTimeout(done, 100));
  await happenings(world, server, heard);
  await retries(server);
  server.answer = () => [200, '', 'text/plain'];
  await commands(world, server);
  await interactions(world, server);
  server.close();
  await sockets(world);
}

async function webhooks({ bot, channel }) {
  const hook = new IncomingWebhook(`${BASE}/services/T000000001/B000000001/X000000001`);
  await check('incoming-webhook', 'takes a message and answers ok', 'protocol', 'sdk', async () => {
    same((await hook.send({ text: 'from a webhook' })).text, 'ok');
  });
  await check('incoming-webhook', 'the message is in the channel of the webhook', 'state', 'docs', async () => {
    const { messages } = await bot.conversations.history({ channel: channel.general, limit: 3 });
    const found = messages.find((one) => one.text === 'from a webhook');
    same([found?.subtype, typeof found?.bot_id], ['bot_message', 'string']);
  });
  const send = (path, body) => raw(`/services/${path}`, { body, headers: { 'content-type': 'application/json' } });
  await check('incoming-webhook', 'an unknown webhook is refused', 'error', 'docs', async () => {
    const answer = await send('T000000001/B000000001/wrong', '{"text":"x"}');
    that(answer.status === 404 || answer.status === 403, answer.status);
    that(['no_service', 'invalid_token'].includes(answer.text), answer.text);
  });
  await check('incoming-webhook', 'a message without text is refused', 'error', 'docs', async () => {
    const answer = await send('T000000001/B000000001/X000000001', '{"text":""}');
    same([answer.status, answer.text], [400, 'no_text']);
  });
  await check('incoming-webhook', 'a body that is no JSON is refused', 'error', 'docs', async () => {
    const answer = await send('T000000001/B000000001/X000000001', '{');
    same([answer.status, answer.text], [400, 'invalid_payload']);
  });
}

async function happenings({ bot, alice, user, channel }, server, heard) {
  const c = channel.engineering;
  const event = async (name, shape, does, fits) => {
    let one;
    await check('events', `${name} is sent, signed, in an envelope`, 'event', 'docs', async () => {
      const about = await does();
      one = await server.wait(heard((got) => got.type === name.split(' ')[0] && fits(got, about)));
      signed(one);
      const body = JSON.parse(one.body);
      same([body.team_id, body.api_app_id, body.type], ['T000000001', 'A000000009', 'event_callback']);
      that(/^Ev/.test(body.event_id) && body.event_time > 0 && body.authorizations[0].is_bot, body);
    });
    await check('events', `each field of ${name} was seen in a real one`, 'event', 'recording', async () => {
      that(one, 'it was not sent');
      recorded(JSON.parse(one.body), eventShape(shape));
    });
  };
  await event('message', 'Message', () => step('say', { user: 'alice', channel: 'engineering', text: 'is anybody there?' }), (got) => got.text === 'is anybody there?' && got.channel === c && got.user === user.alice);
  await event('app_mention', 'AppMention', () => step('say', { user: 'bob', channel: 'engineering', text: '<@U0SUITEBOT> help' }), (got) => got.text.includes('help') && got.user === user.bob);
  await event('message of a bot', 'MessageBot', () => bot.chat.postMessage({ channel: c, text: 'I am', username: 'Other' }), (got) => got.subtype === 'bot_message' && got.text === 'I am');
  const { ts } = await bot.chat.postMessage({ channel: c, text: 'eventful' });
  await event('reaction_added', 'ReactionAdded', () => step('react', { user: 'alice', channel: 'engineering', ts, name: 'eyes' }), (got) => got.reaction === 'eyes' && got.item.ts === ts && got.item_user === 'U0SUITEBOT');
  await event('reaction_removed', 'ReactionRemoved', () => alice.reactions.remove({ channel: c, timestamp: ts, name: 'eyes' }), (got) => got.reaction === 'eyes');
  await event('pin_added', 'PinAdded', () => bot.pins.add({ channel: c, timestamp: ts }), (got) => got.channel_id === c && got.item.message.ts === ts);
  await event('pin_removed', 'PinRemoved', () => bot.pins.remove({ channel: c, timestamp: ts }), (got) => got.channel_id === c);
  await event('message change', 'MessageChanged', () => bot.chat.update({ channel: c, ts, text: 'changed' }), (got) => got.subtype === 'message_changed' && got.message.text === 'changed' && got.previous_message.text === 'eventful');
  await event('message deletion', 'MessageDeleted', () => bot.chat.delete({ channel: c, ts }), (got) => got.subtype === 'message_deleted' && got.deleted_ts === ts);
  await event('channel_created', 'ChannelCreated', () => alice.conversations.create({ name: 'eventful' }), (got) => got.channel.name === 'eventful' && got.channel.creator === user.alice);
  let made;
  await event('member_joined_channel', 'MemberJoinedChannel', async () => {
    made = (await bot.conversations.create({ name: 'meeting' })).channel.id;
    await bot.conversations.invite({ channel: made, users: user.bob });
  }, (got) => got.channel === made && got.user === user.bob && got.inviter === 'U0SUITEBOT');
  await event('member_left_channel', 'MemberLeftChannel', () => bot.conversations.kick({ channel: made, user: user.bob }), (got) => got.channel === made && got.user === user.bob);
  await event('channel_rename', 'ChannelRename', () => bot.conversations.rename({ channel: made, name: 'meeting-2' }), (got) => got.channel.name === 'meeting-2');
  await event('channel_archive', 'ChannelArchive', () => bot.conversations.archive({ channel: made }), (got) => got.channel === made);
  await event('user_change', 'UserChange', () => alice.users.profile.set({ name: 'title', value: 'Chief' }), (got) => got.user.profile.title === 'Chief');
  await event('subteam_created', 'SubteamCreated', () => bot.usergroups.create({ name: 'Eventful' }), (got) => got.subteam.name === 'Eventful');
  await event('app_home_opened', 'AppHomeOpened', () => step('open_home', { user: 'alice' }), (got) => got.user === user.alice && got.tab === 'home');
  await event('team_join', 'TeamJoin', () => step('user', { name: 'dora', email: 'dora@example.com' }), (got) => got.user.name === 'dora');
  await check('events', 'nothing is told of a channel that the app is not in', 'event', 'docs', async () => {
    await step('say', { user: 'alice', channel: 'secret', text: 'whisper' });
    await step('say', { user: 'alice', channel: 'engineering', text: 'aloud' });
    await server.wait(heard((got) => got.text === 'aloud'));
    that(!server.got.some((one) => one.body.includes('whisper')), 'it was told');
  });
  await check('events', 'a direct message is an event of its own kind', 'event', 'docs', async () => {
    await step('say', { user: 'alice', text: 'between us' });
    const one = await server.wait(heard((got) => got.text === 'between us'));
    same(JSON.parse(one.body).event.channel_type, 'im');
  });
}

async function retries(server) {
  const of = (number) => (one) => one.body.includes('try again') && (one.headers['x-slack-retry-num'] ?? '0') === number;
  await check('events', 'what failed is sent again: soon, after a minute, after five', 'event', 'docs', async () => {
    server.answer = (one) => [one.body.includes('try again') ? 500 : 200, ''];
    await step('say', { user: 'alice', channel: 'engineering', text: 'try again' });
    await server.wait(of('0'));
    await new Promise((done) => setTimeout(done, 50));
    await advance(5000);
    const one = await server.wait(of('1'));
    same(one.headers['x-slack-retry-reason'], 'http_error');
    signed(one);
    await new Promise((done) => setTimeout(done, 50));
    await advance(60000);
    await server.wait(of('2'));
    await new Promise((done) => setTimeout(done, 50));
    await advance(300000);
    const last = await server.wait(of('3'));
    same(JSON.parse(last.body).event_id, JSON.parse(one.body).event_id);
  });
  await check('events', 'and then no more', 'event', 'docs', async () => {
    const count = () => server.got.filter((one) => one.body.includes('try again')).length;
    same(count(), 4);
    await advance(3600000);
    await new Promise((done) => setTimeout(done, 100));
    same(count(), 4);
  });
}

async function commands({ bot, user, channel }, server) {
  let form;
  await check('slash-commands', 'a command is sent as a signed form', 'event', 'docs', async () => {
    server.answer = (one) => [200, one.path === '/command' ? JSON.stringify({ text: 'for your eyes' }) : ''];
    await step('command', { user: 'alice', channel: 'engineering', command: '/locked', text: 'out now', url: `${server.url}/command` });
    const one = await server.wait((got) => got.path === '/command');
    signed(one);
    same(one.headers['content-type'], 'application/x-www-form-urlencoded');
    form = Object.fromEntries(new URLSearchParams(one.body));
    same([form.command, form.text, form.user_id, form.user_name, form.channel_id, form.channel_name], ['/locked', 'out now', user.alice, 'alice', channel.engineering, 'engineering']);
  });
  await check('slash-commands', 'each field was seen in a real one', 'event', 'recording', async () => {
    that(form, 'no command was sent');
    recorded({ ...form, is_enterprise_install: false }, { ...backendShape('SlashCommandPayload'), is_enterprise_install: 'b' });
  });
  await check('slash-commands', 'the answer is shown to the one who asked', 'event', 'docs', async () => {
    const reply = (await step('command_replies', { user: 'alice' })).at(-1);
    same([reply?.text, reply?.response_type], ['for your eyes', 'ephemeral']);
  });
  await check('response_url', 'answers for everybody', 'event', 'docs', async () => {
    that(form, 'no command was sent');
    const answer = await fetch(form.response_url, { method: 'POST', body: JSON.stringify({ response_type: 'in_channel', text: 'for all' }), headers: { 'content-type': 'application/json' } });
    same(answer.status, 200);
    const [message] = (await bot.conversations.history({ channel: channel.engineering, limit: 1 })).messages;
    same([message.text, message.bot_id], ['for all', 'B0SUITEBOT']);
  });
  await check('response_url', 'is good for five answers', 'error', 'docs', async () => {
    that(form, 'no command was sent');
    const send = async () => (await fetch(form.response_url, { method: 'POST', body: '{"text":"more"}', headers: { 'content-type': 'application/json' } })).status;
    const all = [];
    for (let n = 0; n < 5; n++) all.push(await send());
    same(all, [200, 200, 200, 200, 404]);
  });
  await check('interactivity', 'the trigger of a command opens a modal', 'event', 'docs', async () => {
    const { trigger_id } = await step('command', { user: 'alice', channel: 'engineering', command: '/locked', url: `${server.url}/command` });
    const view = { type: 'modal', title: { type: 'plain_text', text: 'Hi' }, blocks: [{ type: 'divider' }] };
    same((await bot.views.open({ trigger_id, view })).view.title.text, 'Hi');
  });
  await check('slash-commands', 'a command that nobody answers fails for its user', 'event', 'docs', async () => {
    await step('command', { user: 'bob', channel: 'engineering', command: '/gone', url: 'http://127.0.0.1:9/' });
    let replies = [];
    for (let n = 0; n < 50 && !replies.length; n++) {
      await new Promise((done) => setTimeout(done, 20));
      replies = await step('command_replies', { user: 'bob' });
    }
    that(replies[0]?.error, replies);
  });
  await check('slash-commands', 'Bolt takes it, and its answer is shown', 'event', 'sdk', async () => {
    // Bolt refuses what was signed five minutes ago by its own clock.
    await today();
    const port = 20000 + Math.floor(Math.random() * 20000);
    const quiet = { debug() {}, info() {}, warn() {}, error() {}, setLevel() {}, getLevel: () => 'error', setName() {} };
    const app = new bolt.App({ token: 'xoxb-suite', signingSecret: SECRET, clientOptions: { slackApiUrl: `${BASE}/api/` }, logger: quiet });
    app.command('/bolt', async ({ ack, command }) => ack({ text: `bolt got ${command.text}` }));
    await app.start({ port, host: '127.0.0.1' });
    await step('command', { user: 'carol', channel: 'engineering', command: '/bolt', text: 'it', url: `http://127.0.0.1:${port}/slack/events` });
    let replies = [];
    for (let n = 0; n < 50 && !replies.length; n++) {
      await new Promise((done) => setTimeout(done, 20));
      replies = await step('command_replies', { user: 'carol' });
    }
    await app.stop();
    same(replies[0]?.text, 'bolt got it');
  });
}

async function interactions({ bot, user, channel }, server) {
  const url = `${server.url}/interact`;
  const payload = async (type) => {
    const one = await server.wait((got) => got.path === '/interact' && new URLSearchParams(got.body).get('payload')?.includes(`"type":"${type}"`));
    signed(one);
    return JSON.parse(new URLSearchParams(one.body).get('payload'));
  };
  let clicked;
  await check('interactivity', 'a click is sent, signed, with what was clicked on', 'event', 'docs', async () => {
    const blocks = [{ type: 'actions', elements: [{ type: 'button', action_id: 'go', value: '7', text: { type: 'plain_text', text: 'Go' } }] }];
    const { ts } = await bot.chat.postMessage({ channel: channel.engineering, text: 'click', blocks });
    await step('click', { user: 'alice', channel: 'engineering', ts, action_id: 'go', url });
    clicked = await payload('block_actions');
    same([clicked.user.id, clicked.message.ts, clicked.channel.id], [user.alice, ts, channel.engineering]);
    same([clicked.actions[0].action_id, clicked.actions[0].value, clicked.actions[0].type], ['go', '7', 'button']);
  });
  await check('interactivity', 'each field of a click was seen in a real one', 'event', 'recording', async () => {
    that(clicked, 'it was not sent');
    recorded(clicked, backendShape('BlockActionPayload'));
  });
  await check('interactivity', 'a modal is sent with what was filled in, and stays open where that is wrong', 'event', 'docs', async () => {
    const element = { type: 'plain_text_input', action_id: 'value' };
    const view = { type: 'modal', callback_id: 'form', title: { type: 'plain_text', text: 'Form' }, submit: { type: 'plain_text', text: 'Send' }, blocks: [{ type: 'input', block_id: 'name', label: { type: 'plain_text', text: 'Name' }, element }] };
    const { view: opened } = await bot.views.open({ trigger_id: clicked.trigger_id, view });
    const open = async () => (await step('views', { user: 'alice' })).some((one) => one.id === opened.id);
    server.answer = () => [200, JSON.stringify({ response_action: 'errors', errors: { name: 'no' } })];
    await step('submit', { user: 'alice', values: { name: { value: 'Ada' } }, url });
    const sent = await payload('view_submission');
    same([sent.view.id, sent.view.state.values.name.value], [opened.id, { type: 'plain_text_input', value: 'Ada' }]);
    await new Promise((done) => setTimeout(done, 100));
    same(await open(), true);
    server.answer = () => [200, ''];
    await step('submit', { user: 'alice', values: { name: { value: 'Ada' } }, url });
    await new Promise((done) => setTimeout(done, 100));
    same(await open(), false);
  });
  await check('interactivity', 'each field of a modal that is sent was seen in a real one', 'event', 'recording', async () => {
    recorded(await payload('view_submission'), backendShape('ViewSubmissionPayload'));
  });
}

async function sockets({ client }) {
  const app = client('xapp-suite');
  await check('apps.connections.open', 'gives the address of a socket', 'shape', 'sdk', async () => {
    const { url } = await app.apps.connections.open();
    that(/^wss?:\/\//.test(url), url);
  });
  const quiet = { debug() {}, info() {}, warn() {}, error() {}, setLevel() {}, getLevel: () => 'error', setName() {} };
  const socket = new SocketModeClient({ appToken: 'xapp-suite', clientOptions: { slackApiUrl: `${BASE}/api/`, retryConfig: { retries: 0 } }, autoReconnectEnabled: false, logger: quiet });
  const got = [];
  socket.on('slack_event', async (one) => {
    got.push(one);
    await one.ack(one.type === 'slash_commands' ? { text: 'by socket' } : undefined);
  });
  const wait = async (fits) => {
    for (let n = 0; n < 150; n++) {
      const one = got.find(fits);
      if (one) return one;
      await new Promise((done) => setTimeout(done, 20));
    }
    throw new Error(`nothing came: ${JSON.stringify(got).slice(0, 200)}`);
  };
  await check('socket-mode', 'a socket opens and says hello', 'protocol', 'sdk', async () => {
    await socket.start();
  });
  await check('socket-mode', 'events come over it, and are acknowledged', 'event', 'sdk', async () => {
    await step('say', { user: 'alice', channel: 'engineering', text: 'over the wire' });
    const one = await wait((got) => got.type === 'events_api' && got.body.event.text === 'over the wire');
    same([one.body.type, one.body.event.type], ['event_callback', 'message']);
  });
  await check('socket-mode', 'commands come over it, and are answered', 'event', 'sdk', async () => {
    await step('command', { user: 'alice', channel: 'engineering', command: '/wire', text: 'x' });
    const one = await wait((got) => got.type === 'slash_commands');
    same([one.body.command, one.accepts_response_payload], ['/wire', true]);
    let replies = [];
    for (let n = 0; n < 50 && !replies.some((reply) => reply.text === 'by socket'); n++) {
      await new Promise((done) => setTimeout(done, 20));
      replies = await step('command_replies', { user: 'alice' });
    }
    that(replies.some((reply) => reply.text === 'by socket'), replies);
  });
  await check('socket-mode', 'a ticket is good for one socket', 'protocol', 'docs', async () => {
    const answer = await fetch(`${BASE}/link/?ticket=nonsense`, { headers: { upgrade: 'websocket', connection: 'upgrade' } }).catch(() => ({ status: 400 }));
    that(answer.status >= 400, answer.status);
  });
  await socket.disconnect().catch(() => {});
}
