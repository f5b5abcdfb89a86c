// conversations.*: finding, making, joining, leaving, paging, direct conversations.
import { check, refused, same, shaped, that } from './expect.mjs';

export async function conversations({ bot, alice, bob, user, channel }) {
  const list = await shaped('conversations.list', () => bot.conversations.list({ limit: 200 }));
  await check('conversations.list', 'lists the seeded public channels and no private one', 'state', 'sdk', async () => {
    const names = list.channels.map((one) => one.name);
    for (const name of ['general', 'random', 'engineering', 'support']) that(names.includes(name), names);
    that(!names.includes('secret'), names);
  });
  await check('conversations.list', 'says where the caller is a member', 'state', 'sdk', async () => {
    const by = Object.fromEntries(list.channels.map((one) => [one.name, one]));
    same([by.engineering.is_member, by.random.is_member], [true, false]);
  });
  await check('conversations.list', 'marks the general channel', 'state', 'recording', async () => {
    same(list.channels.filter((one) => one.is_general).map((one) => one.name), ['general']);
  });
  await check('conversations.list', 'lists private channels to their members', 'state', 'sdk', async () => {
    const { channels } = await alice.conversations.list({ types: 'private_channel', limit: 200 });
    const secret = channels.find((one) => one.name === 'secret');
    same([secret?.is_private, channels.every((one) => one.is_private)], [true, true]);
  });
  await check('conversations.list', 'pages by cursor to the end, without a channel twice', 'protocol', 'sdk', async () => {
    const ids = [];
    for await (const page of bot.paginate('conversations.list', { limit: 2 })) {
      that(page.channels.length <= 2, `${page.channels.length} on a page of 2`);
      ids.push(...page.channels.map((one) => one.id));
    }
    same(new Set(ids).size, ids.length);
    that(ids.length >= 4, ids);
  });
  await refused('conversations.list', 'invalid_cursor', 'sdk', () => bot.conversations.list({ cursor: 'nonsense' }));
  await refused('conversations.list', 'invalid_types', 'sdk', () => bot.conversations.list({ types: 'nonsense' }));
  await refused('conversations.list', 'invalid_limit', 'sdk', () => bot.conversations.list({ limit: -1 }));

  await shaped('conversations.info', () => bot.conversations.info({ channel: channel.engineering, include_num_members: true }));
  await check('conversations.info', 'tells topic, purpose and members', 'state', 'sdk', async () => {
    const { channel: found } = await bot.conversations.info({ channel: channel.engineering, include_num_members: true });
    same([found.topic.value, found.purpose.value, found.name], ['What we build', 'Engineering', 'engineering']);
    const { members } = await bot.conversations.members({ channel: channel.engineering });
    same(found.num_members, members.length);
  });
  await check('conversations.info', 'leaves the number of members out unless it is asked for', 'shape', 'docs', async () => {
    const { channel: found } = await bot.conversations.info({ channel: channel.engineering });
    that(!('num_members' in found), 'it is there');
  });
  await refused('conversations.info', 'channel_not_found', 'sdk', () => bot.conversations.info({ channel: 'C0NOSUCH00' }));
  await refused('conversations.info', 'channel_not_found', 'docs', () => bot.conversations.info({ channel: channel.secret }), 'a private channel is not there for others');

  const made = await shaped('conversations.create', () => bot.conversations.create({ name: 'suite-made' }));
  const id = made.channel?.id;
  await check('conversations.create', 'what was made is read back', 'state', 'sdk', async () => {
    const { channel: found } = await bot.conversations.info({ channel: id });
    same([found.name, found.is_private, found.is_member, found.creator], ['suite-made', false, true, 'U0SUITEBOT']);
  });
  await check('conversations.create', 'makes private ones', 'state', 'sdk', async () => {
    const { channel: found } = await bot.conversations.create({ name: 'suite-private', is_private: true });
    same([found.is_private, found.name], [true, 'suite-private']);
    const { channels } = await bot.conversations.list({ limit: 200 });
    that(!channels.some((one) => one.id === found.id), 'it is among the public ones');
  });
  await refused('conversations.create', 'name_taken', 'sdk', () => bot.conversations.create({ name: 'suite-made' }));
  await refused('conversations.create', 'invalid_name_specials', 'sdk', () => bot.conversations.create({ name: 'No Spaces!' }));
  await refused('conversations.create', 'invalid_name_maxlength', 'sdk', () => bot.conversations.create({ name: 'x'.repeat(81) }));
  await refused('conversations.create', 'invalid_name_punctuation', 'sdk', () => bot.conversations.create({ name: '---' }));
  await refused('conversations.create', 'invalid_name_required', 'sdk', () => bot.conversations.create({ name: '' }));

  await shaped('conversations.invite', () => bot.conversations.invite({ channel: id, users: user.bob }));
  await check('conversations.invite', 'the invited are members', 'state', 'sdk', async () => {
    const { members } = await bot.conversations.members({ channel: id });
    same([...members].sort(), ['U0SUITEBOT', user.bob].sort());
  });
  await refused('conversations.invite', 'already_in_channel', 'sdk', () => bot.conversations.invite({ channel: id, users: user.bob }));
  await refused('conversations.invite', 'cant_invite_self', 'sdk', () => bot.conversations.invite({ channel: id, users: 'U0SUITEBOT' }));
  await refused('conversations.invite', 'user_not_found', 'sdk', () => bot.conversations.invite({ channel: id, users: 'U0NOSUCH00' }));
  await refused('conversations.invite', 'not_in_channel', 'sdk', () => bot.conversations.invite({ channel: channel.random, users: user.bob }));
  await shaped('conversations.members', () => bot.conversations.members({ channel: id, limit: 1 }));
  await check('conversations.members', 'pages by cursor', 'protocol', 'sdk', async () => {
    const first = await bot.conversations.members({ channel: id, limit: 1 });
    const second = await bot.conversations.members({ channel: id, limit: 1, cursor: first.response_metadata.next_cursor });
    same([first.members.length, second.members.length, second.response_metadata?.next_cursor ?? ''], [1, 1, '']);
    that(first.members[0] !== second.members[0], 'the same twice');
  });
  await refused('conversations.members', 'channel_not_found', 'sdk', () => bot.conversations.members({ channel: 'C0NOSUCH00' }));
  await refused('conversations.members', 'invalid_cursor', 'sdk', () => bot.conversations.members({ channel: id, cursor: 'nonsense' }));

  await shaped('conversations.kick', () => bot.conversations.kick({ channel: id, user: user.bob }));
  await check('conversations.kick', 'who was kicked is no member', 'state', 'sdk', async () => {
    same((await bot.conversations.members({ channel: id })).members, ['U0SUITEBOT']);
  });
  await refused('conversations.kick', 'not_in_channel', 'sdk', () => bot.conversations.kick({ channel: id, user: user.bob }));
  await refused('conversations.kick', 'cant_kick_self', 'sdk', () => bot.conversations.kick({ channel: id, user: 'U0SUITEBOT' }));
  await refused('conversations.kick', 'user_not_found', 'sdk', () => bot.conversations.kick({ channel: id, user: 'U0NOSUCH00' }));

  await shaped('conversations.join', () => bob.conversations.join({ channel: id }));
  await check('conversations.join', 'joining twice is a warning', 'protocol', 'sdk', async () => {
    same((await bob.conversations.join({ channel: id })).warning, 'already_in_channel');
  });
  await check('conversations.join', 'leaves a message of it', 'state', 'docs', async () => {
    const { messages } = await bot.conversations.history({ channel: id, limit: 5 });
    that(messages.some((one) => one.subtype === 'channel_join' && one.user === user.bob), messages);
  });
  await refused('conversations.join', 'channel_not_found', 'sdk', () => bob.conversations.join({ channel: 'C0NOSUCH00' }));
  await shaped('conversations.leave', () => bob.conversations.leave({ channel: id }));
  await check('conversations.leave', 'who left already is told so', 'protocol', 'sdk', async () => {
    same((await bob.conversations.leave({ channel: id })).not_in_channel, true);
  });
  await refused('conversations.leave', 'cant_leave_general', 'sdk', async () => {
    await bot.conversations.join({ channel: channel.general });
    return bot.conversations.leave({ channel: channel.general });
  });

  await shaped('conversations.setTopic', () => bot.conversations.setTopic({ channel: id, topic: 'All of it' }));
  await shaped('conversations.setPurpose', () => bot.conversations.setPurpose({ channel: id, purpose: 'To be tested' }));
  await check('conversations.setTopic', 'topic and purpose are read back with who set them', 'state', 'sdk', async () => {
    const { channel: found } = await bot.conversations.info({ channel: id });
    same([found.topic.value, found.topic.creator, found.purpose.value], ['All of it', 'U0SUITEBOT', 'To be tested']);
    that(found.topic.last_set > 0, 'it was never set');
  });
  await check('conversations.setTopic', 'leaves a message of it', 'state', 'docs', async () => {
    const { messages } = await bot.conversations.history({ channel: id });
    that(messages.some((one) => one.subtype === 'channel_topic' && one.topic === 'All of it'), messages);
  });
  await refused('conversations.setTopic', 'too_long', 'sdk', () => bot.conversations.setTopic({ channel: id, topic: 'x'.repeat(251) }));
  await refused('conversations.setPurpose', 'too_long', 'sdk', () => bot.conversations.setPurpose({ channel: id, purpose: 'x'.repeat(251) }));
  await refused('conversations.setTopic', 'not_in_channel', 'sdk', () => bot.conversations.setTopic({ channel: channel.random, topic: 'x' }));
  await shaped('conversations.rename', () => bot.conversations.rename({ channel: id, name: 'suite-renamed' }));
  await check('conversations.rename', 'the new name is read back, and the old one remembered', 'state', 'docs', async () => {
    const { channel: found } = await bot.conversations.info({ channel: id });
    same([found.name, found.name_normalized, found.previous_names], ['suite-renamed', 'suite-renamed', ['suite-made']]);
  });
  await refused('conversations.rename', 'name_taken', 'sdk', () => bot.conversations.rename({ channel: id, name: 'general' }));
  await refused('conversations.rename', 'invalid_name_specials', 'sdk', () => bot.conversations.rename({ channel: id, name: 'A B' }));

  await shaped('conversations.archive', () => bot.conversations.archive({ channel: id }));
  await check('conversations.archive', 'is read back, and left out where that is asked', 'state', 'sdk', async () => {
    same((await bot.conversations.info({ channel: id })).channel.is_archived, true);
    const { channels } = await bot.conversations.list({ exclude_archived: true, limit: 200 });
    that(!channels.some((one) => one.id === id), 'it is listed');
  });
  await refused('conversations.archive', 'already_archived', 'sdk', () => bot.conversations.archive({ channel: id }));
  await refused('conversations.archive', 'cant_archive_general', 'sdk', () => bot.conversations.archive({ channel: channel.general }));
  await refused('chat.postMessage', 'is_archived', 'sdk', () => bot.chat.postMessage({ channel: id, text: 'x' }));
  await refused('conversations.join', 'is_archived', 'sdk', () => bob.conversations.join({ channel: id }));
  await refused('conversations.invite', 'is_archived', 'sdk', () => bot.conversations.invite({ channel: id, users: user.bob }));
  await refused('conversations.setTopic', 'is_archived', 'sdk', () => bot.conversations.setTopic({ channel: id, topic: 'x' }));
  await shaped('conversations.unarchive', () => bot.conversations.unarchive({ channel: id }));
  await check('conversations.unarchive', 'may be written into again', 'state', 'sdk', async () => {
    same((await bot.chat.postMessage({ channel: id, text: 'back' })).ok, true);
  });
  await refused('conversations.unarchive', 'not_archived', 'sdk', () => bot.conversations.unarchive({ channel: id }));

  await direct({ bot, alice, bob, user, channel });
  await shaped('users.conversations', () => bot.users.conversations({ limit: 200 }));
  await check('users.conversations', 'lists where the caller is, and nothing else', 'state', 'sdk', async () => {
    const names = (await bot.users.conversations({ limit: 200 })).channels.map((one) => one.name);
    that(names.includes('engineering') && names.includes('suite-renamed') && !names.includes('random'), names);
  });
}

async function direct({ bot, alice, bob, user, channel }) {
  const opened = await shaped('conversations.open', () => bot.conversations.open({ users: user.alice, return_im: true }));
  const im = opened.channel?.id;
  await check('conversations.open', 'the same pair has the same conversation', 'state', 'sdk', async () => {
    that(im.startsWith('D'), im);
    same((await bot.conversations.open({ users: user.alice })).channel.id, im);
  });
  await check('conversations.info', 'a direct conversation names the other', 'state', 'sdk', async () => {
    const { channel: found } = await bot.conversations.info({ channel: im });
    same([found.is_im, found.user], [true, user.alice]);
  });
  await check('conversations.list', 'lists direct conversations as such', 'state', 'sdk', async () => {
    const { channels } = await bot.conversations.list({ types: 'im' });
    that(channels.some((one) => one.id === im && one.is_im && one.user === user.alice), channels);
  });
  await check('chat.postMessage', 'a user id means the direct conversation', 'state', 'docs', async () => {
    same((await bot.chat.postMessage({ channel: user.alice, text: 'hello' })).channel, im);
  });
  await refused('conversations.info', 'channel_not_found', 'docs', () => bob.conversations.info({ channel: im }), 'others do not see a direct conversation');
  await check('conversations.open', 'several people share one', 'state', 'sdk', async () => {
    const { channel: first } = await alice.conversations.open({ users: `${user.bob},${user.carol}` });
    const { channel: again } = await alice.conversations.open({ users: `${user.carol},${user.bob}` });
    same(first.id, again.id);
    const { channel: found } = await alice.conversations.info({ channel: first.id });
    same([found.is_mpim, found.is_private], [true, true]);
    that(found.name.startsWith('mpdm-'), found.name);
  });
  await refused('conversations.open', 'user_not_found', 'sdk', () => bot.conversations.open({ users: 'U0NOSUCH00' }));
  await refused('conversations.open', 'users_list_not_supplied', 'sdk', () => bot.conversations.open({}));
  await refused('conversations.archive', 'method_not_supported_for_channel_type', 'sdk', () => bot.conversations.archive({ channel: im }));
  await refused('conversations.invite', 'method_not_supported_for_channel_type', 'sdk', () => bot.conversations.invite({ channel: im, users: user.bob }));
  await shaped('conversations.close', () => bot.conversations.close({ channel: im }));
  await check('conversations.close', 'closing twice does nothing', 'state', 'sdk', async () => {
    const answer = await bot.conversations.close({ channel: im });
    same([answer.no_op, answer.already_closed], [true, true]);
  });
  await refused('conversations.close', 'method_not_supported_for_channel_type', 'sdk', () => bot.conversations.close({ channel: channel.engineering }));
  await check('conversations.mark', 'the mark is read back', 'state', 'sdk', async () => {
    const { ts } = await bot.chat.postMessage({ channel: channel.engineering, text: 'read me' });
    await alice.conversations.mark({ channel: channel.engineering, ts });
    same((await alice.conversations.info({ channel: channel.engineering })).channel.last_read, ts);
  });
  await refused('conversations.mark', 'invalid_timestamp', 'sdk', () => alice.conversations.mark({ channel: channel.engineering, ts: 'soon' }));
}
