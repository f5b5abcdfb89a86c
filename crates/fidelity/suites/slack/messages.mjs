// chat.*, history and threads, reactions, pins, search.
import { advance, check, refused, same, shaped, that } from './expect.mjs';

const BLOCKS = [
  { type: 'section', block_id: 'first', text: { type: 'mrkdwn', text: '*Deploy* done' } },
  { type: 'actions', elements: [{ type: 'button', action_id: 'go', text: { type: 'plain_text', text: 'Go' } }] },
];

export async function messages(world) {
  const { bot, alice, bob, user, channel } = world;
  const c = channel.engineering;
  const read = async (ts, by = bot) => (await by.conversations.history({ channel: c, oldest: ts, latest: ts, inclusive: true })).messages[0];

  const posted = await shaped('chat.postMessage', () => bot.chat.postMessage({ channel: c, text: 'hello there' }));
  await check('chat.postMessage', 'what was posted is read back', 'state', 'sdk', async () => {
    const found = await read(posted.ts);
    same([found.text, found.user, found.type, found.ts], ['hello there', 'U0SUITEBOT', 'message', posted.ts]);
  });
  await check('chat.postMessage', 'says which bot and app wrote it', 'shape', 'recording', async () => {
    const { message } = posted;
    same([message.bot_id, message.app_id, message.team, message.bot_profile?.id], ['B0SUITEBOT', 'A000000009', 'T000000001', 'B0SUITEBOT']);
  });
  await check('chat.postMessage', 'time stamps are in microseconds, unique and in order', 'protocol', 'docs', async () => {
    const all = [];
    for (let n = 0; n < 5; n++) all.push((await bot.chat.postMessage({ channel: c, text: `n${n}` })).ts);
    that(all.every((ts) => /^\d{10}\.\d{6}$/.test(ts)), all);
    same([...new Set(all)].sort(), all);
  });
  await check('chat.postMessage', 'keeps blocks, and gives an id to those without', 'state', 'docs', async () => {
    const { ts } = await bot.chat.postMessage({ channel: c, text: 'done', blocks: BLOCKS });
    const { blocks } = await read(ts);
    same([blocks.length, blocks[0].block_id, blocks[0].text.text, blocks[1].elements[0].action_id], [2, 'first', '*Deploy* done', 'go']);
    that(typeof blocks[1].block_id === 'string' && blocks[1].block_id.length > 0, 'no block_id');
  });
  await check('chat.postMessage', 'keeps attachments, and numbers them', 'state', 'recording', async () => {
    const { message } = await bot.chat.postMessage({ channel: c, attachments: [{ text: 'one', color: '#ff0000' }, { text: 'two', fallback: 'zwei' }] });
    same(message.attachments.map((one) => [one.id, one.text]), [[1, 'one'], [2, 'two']]);
    same(message.attachments[1].fallback, 'zwei');
  });
  await check('chat.postMessage', 'may be under another name and picture', 'state', 'recording', async () => {
    const { message } = await bot.chat.postMessage({ channel: c, text: 'x', username: 'Robot', icon_emoji: ':robot_face:' });
    same([message.username, message.subtype, message.icons?.emoji], ['Robot', 'bot_message', ':robot_face:']);
  });
  await check('chat.postMessage', 'keeps metadata', 'state', 'sdk', async () => {
    const metadata = { event_type: 'task', event_payload: { id: 'T1' } };
    const { ts } = await bot.chat.postMessage({ channel: c, text: 'x', metadata });
    same((await bot.conversations.history({ channel: c, oldest: ts, latest: ts, inclusive: true, include_all_metadata: true })).messages[0].metadata, metadata);
  });
  await check('chat.postMessage', 'escapes what would be markup, and leaves mentions alone', 'state', 'docs', async () => {
    const { message } = await bot.chat.postMessage({ channel: c, text: `a < b && c > d, <@${user.alice}>` });
    same(message.text, `a &lt; b &amp;&amp; c &gt; d, <@${user.alice}>`);
  });
  await check('chat.postMessage', 'escapes nothing twice', 'state', 'docs', async () => {
    same((await bot.chat.postMessage({ channel: c, text: 'a &lt; b &amp; c' })).message.text, 'a &lt; b &amp; c');
  });
  await check('chat.postMessage', 'makes links of addresses', 'state', 'docs', async () => {
    same((await bot.chat.postMessage({ channel: c, text: 'see https://example.com/a' })).message.text, 'see <https://example.com/a>');
  });
  await check('chat.postMessage', 'a user writes as himself', 'state', 'sdk', async () => {
    const { message } = await alice.chat.postMessage({ channel: c, text: 'it is me' });
    same(message.user, user.alice);
  });
  await check('chat.postMessage', 'cuts what is longer than 40,000 characters, and warns', 'protocol', 'docs', async () => {
    const answer = await bot.chat.postMessage({ channel: c, text: 'x'.repeat(40001) });
    same(answer.response_metadata?.warnings, ['message_truncated']);
    same(answer.message.text.length, 40000);
  });
  await refused('chat.postMessage', 'channel_not_found', 'sdk', () => bot.chat.postMessage({ channel: 'C0NOSUCH00', text: 'x' }));
  await refused('chat.postMessage', 'channel_not_found', 'docs', () => bot.chat.postMessage({ channel: channel.secret, text: 'x' }), 'a private channel is not there for others');
  await refused('chat.postMessage', 'not_in_channel', 'sdk', () => bot.chat.postMessage({ channel: channel.random, text: 'x' }));
  await refused('chat.postMessage', 'no_text', 'sdk', () => bot.chat.postMessage({ channel: c, text: '' }));
  await refused('chat.postMessage', 'invalid_blocks', 'sdk', () => bot.chat.postMessage({ channel: c, text: 'x', blocks: [{ type: 'nonsense' }] }));
  await refused('chat.postMessage', 'invalid_blocks', 'docs', () => bot.chat.postMessage({ channel: c, text: 'x', blocks: Array(51).fill({ type: 'divider' }) }), 'refuses more than 50 blocks');
  await refused('chat.postMessage', 'invalid_blocks_format', 'sdk', () => bot.chat.postMessage({ channel: c, text: 'x', blocks: 'nonsense' }));
  await refused('chat.postMessage', 'too_many_attachments', 'sdk', () => bot.chat.postMessage({ channel: c, attachments: Array(101).fill({ text: 'x' }) }));
  await refused('chat.postMessage', 'invalid_metadata_format', 'sdk', () => bot.chat.postMessage({ channel: c, text: 'x', metadata: { nonsense: 1 } }));

  const ts = posted.ts;
  await shaped('chat.update', () => bot.chat.update({ channel: c, ts, text: 'hello again' }));
  await check('chat.update', 'the new text is read back, with who changed it', 'state', 'sdk', async () => {
    const found = await read(ts);
    same([found.text, found.edited?.user, found.ts], ['hello again', 'U0SUITEBOT', ts]);
  });
  await refused('chat.update', 'message_not_found', 'sdk', () => bot.chat.update({ channel: c, ts: '1000000000.000000', text: 'x' }));
  await refused('chat.update', 'cant_update_message', 'sdk', () => alice.chat.update({ channel: c, ts, text: 'x' }));
  await refused('chat.update', 'no_text', 'sdk', () => bot.chat.update({ channel: c, ts, text: '' }));
  await refused('chat.update', 'channel_not_found', 'sdk', () => bot.chat.update({ channel: 'C0NOSUCH00', ts, text: 'x' }));
  await check('chat.delete', 'what was deleted is gone', 'state', 'sdk', async () => {
    const { ts: gone } = await bot.chat.postMessage({ channel: c, text: 'short life' });
    const answer = await bot.chat.delete({ channel: c, ts: gone });
    same([answer.channel, answer.ts], [c, gone]);
    same(await read(gone), undefined);
  });
  await refused('chat.delete', 'message_not_found', 'sdk', () => bot.chat.delete({ channel: c, ts: '1000000000.000000' }));
  await refused('chat.delete', 'cant_delete_message', 'sdk', () => bob.chat.delete({ channel: c, ts }));
  await shaped('chat.getPermalink', () => bot.chat.getPermalink({ channel: c, message_ts: ts }));
  await check('chat.getPermalink', 'is made of channel and time', 'state', 'docs', async () => {
    const { permalink } = await bot.chat.getPermalink({ channel: c, message_ts: ts });
    same(permalink, `https://acme.slack.com/archives/${c}/p${ts.replace('.', '')}`);
  });
  await refused('chat.getPermalink', 'message_not_found', 'sdk', () => bot.chat.getPermalink({ channel: c, message_ts: '1000000000.000000' }));
  await shaped('chat.meMessage', () => bot.chat.meMessage({ channel: c, text: 'waves' }));
  await check('chat.meMessage', 'is read back as what it is', 'state', 'recording', async () => {
    const { ts: me } = await bot.chat.meMessage({ channel: c, text: 'waves' });
    same((await read(me)).subtype, 'me_message');
  });
  await refused('chat.meMessage', 'not_in_channel', 'sdk', () => bot.chat.meMessage({ channel: channel.random, text: 'x' }));
  await shaped('chat.postEphemeral', () => bot.chat.postEphemeral({ channel: c, user: user.alice, text: 'psst' }));
  await check('chat.postEphemeral', 'is in no history', 'state', 'docs', async () => {
    const { message_ts } = await bot.chat.postEphemeral({ channel: c, user: user.alice, text: 'psst' });
    same(await read(message_ts), undefined);
  });
  await refused('chat.postEphemeral', 'user_not_in_channel', 'sdk', () => bot.chat.postEphemeral({ channel: c, user: 'U0NOSUCH00', text: 'x' }));
  await refused('chat.postEphemeral', 'no_text', 'sdk', () => bot.chat.postEphemeral({ channel: c, user: user.alice }));
  await check('chat.unfurl', 'puts an attachment to a link', 'state', 'sdk', async () => {
    const link = 'https://example.com/page';
    const { ts: linked } = await alice.chat.postMessage({ channel: c, text: `look: ${link}` });
    await bot.chat.unfurl({ channel: c, ts: linked, unfurls: { [link]: { text: 'A page' } } });
    that((await read(linked)).attachments.some((one) => one.text === 'A page'), 'it is not there');
  });
  await refused('chat.unfurl', 'cannot_find_message', 'sdk', () => bot.chat.unfurl({ channel: c, ts: '1000000000.000000', unfurls: { 'https://a.b': { text: 'x' } } }));

  await history({ ...world, c });
  await threads({ ...world, c });
  await later({ ...world, c });
  await marks({ ...world, c });
}

async function history({ bot, channel, c }) {
  await shaped('conversations.history', () => bot.conversations.history({ channel: c, limit: 3 }));
  await check('conversations.history', 'is newest first', 'protocol', 'sdk', async () => {
    const all = (await bot.conversations.history({ channel: c, limit: 50 })).messages.map((one) => one.ts);
    same(all, [...all].sort().reverse());
  });
  await check('conversations.history', 'pages by cursor to the end, without a message twice', 'protocol', 'sdk', async () => {
    const seen = [];
    let cursor;
    do {
      const page = await bot.conversations.history({ channel: c, limit: 10, ...(cursor ? { cursor } : {}) });
      seen.push(...page.messages.map((one) => one.ts));
      cursor = page.response_metadata?.next_cursor;
      same(page.has_more, Boolean(cursor), 'has_more');
    } while (cursor);
    const whole = (await bot.conversations.history({ channel: c, limit: 999 })).messages.map((one) => one.ts);
    same(seen, whole);
  });
  await check('conversations.history', 'bounds are left out unless they are included', 'protocol', 'docs', async () => {
    const [a, b, d] = (await bot.conversations.history({ channel: c, limit: 3 })).messages.map((one) => one.ts);
    const open = await bot.conversations.history({ channel: c, latest: a, oldest: d });
    const closed = await bot.conversations.history({ channel: c, latest: a, oldest: d, inclusive: true });
    same([open.messages.map((one) => one.ts), closed.messages.length], [[b], 3]);
  });
  await refused('conversations.history', 'channel_not_found', 'sdk', () => bot.conversations.history({ channel: 'C0NOSUCH00' }));
  await refused('conversations.history', 'not_in_channel', 'sdk', () => bot.conversations.history({ channel: channel.random }));
  await refused('conversations.history', 'invalid_cursor', 'sdk', () => bot.conversations.history({ channel: c, cursor: 'nonsense' }));
  await refused('conversations.history', 'invalid_ts_latest', 'sdk', () => bot.conversations.history({ channel: c, latest: 'nonsense' }));
  await refused('conversations.history', 'invalid_ts_oldest', 'sdk', () => bot.conversations.history({ channel: c, oldest: 'nonsense' }));
}

async function threads({ bot, alice, user, c }) {
  const { ts } = await bot.chat.postMessage({ channel: c, text: 'a thread' }).catch(() => ({}));
  const replies = [];
  for (const [by, text] of [[alice, 'one'], [bot, 'two'], [alice, 'three']]) {
    replies.push(await by.chat.postMessage({ channel: c, text, thread_ts: ts }).catch(() => ({})));
  }
  await check('chat.postMessage', 'a reply names its thread', 'state', 'recording', async () => {
    same([replies[0].message.thread_ts, replies[0].message.parent_user_id], [ts, 'U0SUITEBOT']);
  });
  await shaped('conversations.replies', () => bot.conversations.replies({ channel: c, ts }));
  await check('conversations.replies', 'begins with the parent, and is in order', 'state', 'sdk', async () => {
    const { messages } = await bot.conversations.replies({ channel: c, ts });
    same(messages.map((one) => one.text), ['a thread', 'one', 'two', 'three']);
  });
  await check('conversations.replies', 'the parent counts its replies', 'state', 'recording', async () => {
    const [parent] = (await bot.conversations.replies({ channel: c, ts })).messages;
    same([parent.reply_count, parent.reply_users_count, parent.latest_reply], [3, 2, replies[2].ts]);
    same([...parent.reply_users].sort(), [user.alice, 'U0SUITEBOT'].sort());
  });
  await check('conversations.replies', 'pages by cursor', 'protocol', 'sdk', async () => {
    const first = await bot.conversations.replies({ channel: c, ts, limit: 2 });
    that(first.has_more && first.response_metadata.next_cursor, 'there is no second page');
    const second = await bot.conversations.replies({ channel: c, ts, limit: 2, cursor: first.response_metadata.next_cursor });
    const texts = [...first.messages, ...second.messages].map((one) => one.text).filter((text) => text !== 'a thread');
    same([texts, second.has_more], [['one', 'two', 'three'], false]);
  });
  await check('conversations.history', 'leaves replies out', 'state', 'docs', async () => {
    const { messages } = await bot.conversations.history({ channel: c, oldest: ts, inclusive: true });
    same(messages.map((one) => one.text), ['a thread']);
  });
  await check('chat.postMessage', 'a broadcast reply is in the channel too', 'state', 'recording', async () => {
    const { ts: both } = await bot.chat.postMessage({ channel: c, text: 'both', thread_ts: ts, reply_broadcast: true });
    const found = (await bot.conversations.history({ channel: c, limit: 1 })).messages[0];
    same([found.ts, found.subtype, found.thread_ts], [both, 'thread_broadcast', ts]);
  });
  await check('chat.delete', 'a deleted reply counts no more', 'state', 'docs', async () => {
    const { ts: gone } = await bot.chat.postMessage({ channel: c, text: 'gone', thread_ts: ts });
    const before = (await bot.conversations.replies({ channel: c, ts })).messages[0].reply_count;
    await bot.chat.delete({ channel: c, ts: gone });
    same((await bot.conversations.replies({ channel: c, ts })).messages[0].reply_count, before - 1);
  });
  await refused('conversations.replies', 'thread_not_found', 'sdk', () => bot.conversations.replies({ channel: c, ts: '1000000000.000000' }));
  await refused('conversations.replies', 'channel_not_found', 'sdk', () => bot.conversations.replies({ channel: 'C0NOSUCH00', ts }));
  await refused('chat.postMessage', 'invalid_thread_ts', 'recording', () => bot.chat.postMessage({ channel: c, text: 'x', thread_ts: '0' }));
}

async function later({ bot, c }) {
  const now = async () => Math.floor(Number((await bot.chat.postMessage({ channel: c, text: 'what time is it?' })).ts));
  const at = (await now().catch(() => Math.floor(Date.now() / 1000))) + 600;
  const planned = await shaped('chat.scheduleMessage', () => bot.chat.scheduleMessage({ channel: c, text: 'later', post_at: at }));
  await shaped('chat.scheduledMessages.list', () => bot.chat.scheduledMessages.list({ channel: c }));
  await check('chat.scheduledMessages.list', 'lists what was planned', 'state', 'sdk', async () => {
    const { scheduled_messages } = await bot.chat.scheduledMessages.list({ channel: c });
    const found = scheduled_messages.find((one) => one.id === planned.scheduled_message_id);
    same([found?.channel_id, found?.post_at, found?.text], [c, at, 'later']);
  });
  await check('chat.deleteScheduledMessage', 'takes it back', 'state', 'sdk', async () => {
    const { scheduled_message_id } = await bot.chat.scheduleMessage({ channel: c, text: 'never', post_at: at });
    await bot.chat.deleteScheduledMessage({ channel: c, scheduled_message_id });
    const { scheduled_messages } = await bot.chat.scheduledMessages.list({ channel: c });
    that(!scheduled_messages.some((one) => one.id === scheduled_message_id), 'it is still there');
  });
  await refused('chat.scheduleMessage', 'time_in_past', 'sdk', () => bot.chat.scheduleMessage({ channel: c, text: 'x', post_at: at - 3600 }));
  await refused('chat.scheduleMessage', 'time_too_far', 'sdk', () => bot.chat.scheduleMessage({ channel: c, text: 'x', post_at: at + 130 * 86400 }));
  await refused('chat.scheduleMessage', 'channel_not_found', 'sdk', () => bot.chat.scheduleMessage({ channel: 'C0NOSUCH00', text: 'x', post_at: at }));
  await refused('chat.deleteScheduledMessage', 'invalid_scheduled_message_id', 'sdk', () => bot.chat.deleteScheduledMessage({ channel: c, scheduled_message_id: 'Q0NOSUCH00' }));
  await refused('chat.scheduledMessages.list', 'invalid_channel', 'sdk', () => bot.chat.scheduledMessages.list({ channel: 'C0NOSUCH00' }));
  await check('chat.scheduleMessage', 'is posted when its time has come', 'event', 'docs', async () => {
    await advance(3600000);
    const { messages } = await bot.conversations.history({ channel: c, limit: 5 });
    that(messages.some((one) => one.text === 'later'), messages.map((one) => one.text));
    same((await bot.chat.scheduledMessages.list({ channel: c })).scheduled_messages, []);
  });
}

async function marks({ bot, alice, user, c }) {
  const { ts: timestamp } = await bot.chat.postMessage({ channel: c, text: 'react to me' }).catch(() => ({}));
  const item = { channel: c, timestamp };
  await shaped('reactions.add', () => bot.reactions.add({ ...item, name: 'thumbsup' }));
  await check('reactions.get', 'counts who reacted', 'state', 'sdk', async () => {
    await alice.reactions.add({ ...item, name: 'thumbsup' });
    const { message } = await bot.reactions.get(item);
    same(message.reactions, [{ name: 'thumbsup', users: ['U0SUITEBOT', user.alice], count: 2 }]);
  });
  await shaped('reactions.get', () => bot.reactions.get(item));
  await shaped('reactions.list', () => bot.reactions.list({}));
  await check('reactions.list', 'lists what somebody reacted to', 'state', 'sdk', async () => {
    const { items } = await bot.reactions.list({ user: user.alice });
    that(items.some((one) => one.type === 'message' && one.message.ts === timestamp), items);
  });
  await refused('reactions.add', 'already_reacted', 'sdk', () => bot.reactions.add({ ...item, name: 'thumbsup' }));
  await refused('reactions.add', 'invalid_name', 'sdk', () => bot.reactions.add({ ...item, name: 'no such thing!' }));
  await refused('reactions.add', 'message_not_found', 'sdk', () => bot.reactions.add({ channel: c, timestamp: '1000000000.000000', name: 'thumbsup' }));
  await refused('reactions.add', 'bad_timestamp', 'sdk', () => bot.reactions.add({ channel: c, timestamp: 'nonsense', name: 'thumbsup' }));
  await refused('reactions.add', 'channel_not_found', 'sdk', () => bot.reactions.add({ channel: 'C0NOSUCH00', timestamp, name: 'thumbsup' }));
  await shaped('reactions.remove', () => bot.reactions.remove({ ...item, name: 'thumbsup' }));
  await check('reactions.remove', 'leaves the others', 'state', 'sdk', async () => {
    same((await bot.reactions.get(item)).message.reactions, [{ name: 'thumbsup', users: [user.alice], count: 1 }]);
  });
  await refused('reactions.remove', 'no_reaction', 'sdk', () => bot.reactions.remove({ ...item, name: 'thumbsup' }));
  await refused('reactions.get', 'no_item_specified', 'sdk', () => bot.reactions.get({}));

  await shaped('pins.add', () => bot.pins.add(item));
  await shaped('pins.list', () => bot.pins.list({ channel: c }));
  await check('pins.list', 'lists what was pinned, and by whom', 'state', 'sdk', async () => {
    const { items } = await bot.pins.list({ channel: c });
    same(items.map((one) => [one.type, one.message.ts, one.created_by, one.channel]), [['message', timestamp, 'U0SUITEBOT', c]]);
    same(items[0].message.pinned_to, [c]);
  });
  await check('conversations.history', 'counts pins', 'state', 'sdk', async () => {
    same((await bot.conversations.history({ channel: c, limit: 1 })).pin_count, 1);
  });
  await refused('pins.add', 'already_pinned', 'sdk', () => bot.pins.add(item));
  await refused('pins.add', 'message_not_found', 'sdk', () => bot.pins.add({ channel: c, timestamp: '1000000000.000000' }));
  await refused('pins.add', 'bad_timestamp', 'sdk', () => bot.pins.add({ channel: c, timestamp: 'nonsense' }));
  await refused('pins.add', 'no_item_specified', 'sdk', () => bot.pins.add({ channel: c }));
  await shaped('pins.remove', () => bot.pins.remove(item));
  await check('pins.remove', 'is read back', 'state', 'sdk', async () => {
    same((await bot.pins.list({ channel: c })).items, []);
  });
  await refused('pins.remove', 'no_pin', 'sdk', () => bot.pins.remove(item));
  await shaped('search.messages', () => alice.search.messages({ query: 'react to me' }));
  await check('search.messages', 'finds what was said', 'state', 'sdk', async () => {
    const { messages } = await alice.search.messages({ query: 'react to me' });
    that(messages.matches.some((one) => one.ts === timestamp && one.channel.id === c), messages.matches);
  });
}
