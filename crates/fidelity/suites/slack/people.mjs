// users.*, user groups, bots, do not disturb, the workspace.
import { check, refused, same, shaped, that } from './expect.mjs';

export async function people({ bot, alice, bob, user, client }) {
  const list = await shaped('users.list', () => bot.users.list({}));
  await check('users.list', 'lists the seeded people and the bot', 'state', 'sdk', async () => {
    const names = list.members.map((one) => one.name);
    for (const name of ['admin', 'alice', 'bob', 'carol']) that(names.includes(name), names);
    same(list.members.find((one) => one.id === 'U0SUITEBOT')?.is_bot, true);
  });
  await check('users.list', 'pages by cursor to the end', 'protocol', 'sdk', async () => {
    const ids = [];
    for await (const page of bot.paginate('users.list', { limit: 2 })) ids.push(...page.members.map((one) => one.id));
    same([...new Set(ids)].sort(), list.members.map((one) => one.id).sort());
  });
  await refused('users.list', 'invalid_cursor', 'sdk', () => bot.users.list({ cursor: 'nonsense', limit: 1 }));
  await check('users.list', 'addresses are shown to those alone who may see them', 'state', 'docs', async () => {
    const { members } = await client('xoxb-noscope').users.list({});
    that(members.every((one) => one.profile.email === undefined), 'there is an address');
    same(list.members.find((one) => one.name === 'alice').profile.email, 'alice@example.com');
  });
  await shaped('users.info', () => bot.users.info({ user: user.alice, include_locale: true }));
  await check('users.info', 'tells the seeded name, title and rights', 'state', 'sdk', async () => {
    const { user: found } = await bot.users.info({ user: user.alice });
    same([found.name, found.real_name, found.profile.title, found.is_admin, found.team_id], ['alice', 'Alice Doe', 'Engineer', true, 'T000000001']);
  });
  await refused('users.info', 'user_not_found', 'sdk', () => bot.users.info({ user: 'U0NOSUCH00' }));
  await shaped('users.lookupByEmail', () => bot.users.lookupByEmail({ email: 'bob@example.com' }));
  await check('users.lookupByEmail', 'finds the right one', 'state', 'sdk', async () => {
    same((await bot.users.lookupByEmail({ email: 'bob@example.com' })).user.id, user.bob);
  });
  await refused('users.lookupByEmail', 'users_not_found', 'sdk', () => bot.users.lookupByEmail({ email: 'nobody@example.com' }));
  await refused('users.lookupByEmail', 'missing_scope', 'sdk', () => client('xoxb-noscope').users.lookupByEmail({ email: 'bob@example.com' }));

  await shaped('users.profile.get', () => bot.users.profile.get({ user: user.bob }));
  await shaped('users.profile.set', () => bob.users.profile.set({ profile: { status_text: 'at lunch', status_emoji: ':taco:' } }));
  await check('users.profile.set', 'the status is read back', 'state', 'sdk', async () => {
    const { profile } = await bot.users.profile.get({ user: user.bob });
    same([profile.status_text, profile.status_emoji], ['at lunch', ':taco:']);
    same((await bot.users.info({ user: user.bob })).user.profile.status_text, 'at lunch');
  });
  await check('users.profile.set', 'sets one field by its name', 'state', 'docs', async () => {
    await bob.users.profile.set({ name: 'title', value: 'Baker' });
    same((await bot.users.profile.get({ user: user.bob })).profile.title, 'Baker');
  });
  await refused('users.profile.set', 'not_admin', 'sdk', () => bob.users.profile.set({ user: user.alice, profile: { title: 'x' } }));
  await refused('users.profile.set', 'invalid_profile', 'sdk', () => bob.users.profile.set({ profile: 'nonsense' }));
  await refused('users.profile.set', 'too_long', 'sdk', () => bob.users.profile.set({ profile: { status_text: 'x'.repeat(101) } }));
  await refused('users.profile.get', 'user_not_found', 'sdk', () => bot.users.profile.get({ user: 'U0NOSUCH00' }));
  await shaped('users.getPresence', () => bot.users.getPresence({ user: user.alice }));
  await check('users.getPresence', 'tells who is away', 'state', 'sdk', async () => {
    same([(await bot.users.getPresence({ user: user.alice })).presence, (await bot.users.getPresence({ user: user.carol })).presence], ['active', 'away']);
  });
  await shaped('users.setPresence', () => bob.users.setPresence({ presence: 'away' }));
  await check('users.setPresence', 'is read back', 'state', 'sdk', async () => {
    same((await bot.users.getPresence({ user: user.bob })).presence, 'away');
    const own = await bob.users.getPresence({});
    same(own.manual_away, true);
  });
  await refused('users.setPresence', 'invalid_presence', 'sdk', () => bob.users.setPresence({ presence: 'nonsense' }));
  await shaped('users.identity', () => alice.users.identity());
  await check('users.identity', 'is the owner of the token', 'state', 'sdk', async () => {
    same((await alice.users.identity()).user.id, user.alice);
  });
  await shaped('bots.info', () => bot.bots.info({ bot: 'B0SUITEBOT' }));
  await check('bots.info', 'names app and user', 'state', 'sdk', async () => {
    const { bot: found } = await bot.bots.info({ bot: 'B0SUITEBOT' });
    same([found.app_id, found.user_id, found.name], ['A000000009', 'U0SUITEBOT', 'suite-app']);
  });
  await refused('bots.info', 'bot_not_found', 'sdk', () => bot.bots.info({ bot: 'B0NOSUCH00' }));
  await shaped('dnd.info', () => bot.dnd.info({ user: user.alice }));
  await shaped('dnd.teamInfo', () => bot.dnd.teamInfo({ users: `${user.alice},${user.bob}` }));
  await check('dnd.setSnooze', 'is read back, and ended', 'state', 'sdk', async () => {
    same((await bob.dnd.setSnooze({ num_minutes: 20 })).snooze_enabled, true);
    same((await bob.dnd.info({})).snooze_enabled, true);
    await bob.dnd.endSnooze();
    same((await bob.dnd.info({})).snooze_enabled, false);
  });
  await shaped('team.info', () => bot.team.info());
  await check('team.info', 'is the seeded workspace', 'state', 'sdk', async () => {
    const { team } = await bot.team.info();
    same([team.id, team.name, team.domain], ['T000000001', 'Acme', 'acme']);
  });
  await shaped('emoji.list', () => bot.emoji.list({}));

  const made = await shaped('usergroups.create', () => bot.usergroups.create({ name: 'On call', handle: 'oncall', description: 'Who helps' }));
  const usergroup = made.usergroup?.id;
  await check('usergroups.create', 'is listed', 'state', 'sdk', async () => {
    const { usergroups } = await bot.usergroups.list({});
    const found = usergroups.find((one) => one.id === usergroup);
    same([found?.name, found?.handle, found?.description, found?.date_delete], ['On call', 'oncall', 'Who helps', 0]);
  });
  await shaped('usergroups.list', () => bot.usergroups.list({ include_users: true, include_count: true }));
  await shaped('usergroups.users.update', () => bot.usergroups.users.update({ usergroup, users: `${user.alice},${user.bob}` }));
  await shaped('usergroups.users.list', () => bot.usergroups.users.list({ usergroup }));
  await check('usergroups.users.list', 'lists who was put in', 'state', 'sdk', async () => {
    same((await bot.usergroups.users.list({ usergroup })).users, [user.alice, user.bob]);
  });
  await shaped('usergroups.update', () => bot.usergroups.update({ usergroup, name: 'On duty' }));
  await check('usergroups.update', 'changes what was given alone', 'state', 'sdk', async () => {
    const found = (await bot.usergroups.list({})).usergroups.find((one) => one.id === usergroup);
    same([found.name, found.handle], ['On duty', 'oncall']);
  });
  await shaped('usergroups.disable', () => bot.usergroups.disable({ usergroup }));
  await check('usergroups.disable', 'is listed only where that is asked', 'state', 'sdk', async () => {
    const has = async (more) => (await bot.usergroups.list(more)).usergroups.some((one) => one.id === usergroup);
    same([await has({}), await has({ include_disabled: true })], [false, true]);
  });
  await shaped('usergroups.enable', () => bot.usergroups.enable({ usergroup }));
  await refused('usergroups.create', 'name_already_exists', 'sdk', () => bot.usergroups.create({ name: 'On duty' }));
  await refused('usergroups.create', 'handle_already_exists', 'sdk', () => bot.usergroups.create({ name: 'Other', handle: 'oncall' }));
  await refused('usergroups.users.list', 'no_such_subteam', 'sdk', () => bot.usergroups.users.list({ usergroup: 'S0NOSUCH00' }));
  await refused('usergroups.users.update', 'invalid_users', 'sdk', () => bot.usergroups.users.update({ usergroup, users: 'U0NOSUCH00' }));
  await refused('usergroups.users.update', 'no_users_provided', 'docs', () => bot.usergroups.users.update({ usergroup, users: '' }));
}
