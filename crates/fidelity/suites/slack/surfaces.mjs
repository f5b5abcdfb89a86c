// Files, bookmarks, views.
import { advance, check, refused, same, shaped, step, that } from './expect.mjs';

const MODAL = {
  type: 'modal',
  callback_id: 'suite',
  title: { type: 'plain_text', text: 'A modal' },
  submit: { type: 'plain_text', text: 'Send' },
  blocks: [{ type: 'input', block_id: 'name', label: { type: 'plain_text', text: 'Name' }, element: { type: 'plain_text_input', action_id: 'value' } }],
};
const HOME = { type: 'home', blocks: [{ type: 'section', text: { type: 'mrkdwn', text: 'Welcome' } }] };

export async function surfaces({ bot, bob, user, channel }) {
  await files({ bot, bob, channel });
  await bookmarks({ bot, channel });
  await views({ bot, user });
}

async function files({ bot, bob, channel }) {
  const c = channel.engineering;
  const text = 'name,age\nada,36\n';
  const got = await shaped('files.getUploadURLExternal', () => bot.files.getUploadURLExternal({ filename: 'people.csv', length: text.length }));
  await check('files.slack.com/upload', 'takes the bytes at the address', 'protocol', 'sdk', async () => {
    const answer = await fetch(got.upload_url, { method: 'POST', body: text });
    same(answer.status, 200);
    that((await answer.text()).startsWith('OK'), 'no OK');
  });
  await shaped('files.completeUploadExternal', () => bot.files.completeUploadExternal({ files: [{ id: got.file_id, title: 'People' }], channel_id: c, initial_comment: 'see this' }));
  await shaped('files.info', () => bot.files.info({ file: got.file_id }));
  await check('files.info', 'tells name, size, kind and where it is', 'state', 'sdk', async () => {
    const { file } = await bot.files.info({ file: got.file_id });
    same([file.name, file.title, file.size, file.filetype, file.mimetype, file.channels], ['people.csv', 'People', text.length, 'csv', 'text/csv', [c]]);
  });
  await check('files.completeUploadExternal', 'puts a message with the file into the channel', 'state', 'docs', async () => {
    const [message] = (await bot.conversations.history({ channel: c, limit: 1 })).messages;
    same([message.text, message.files?.map((one) => one.id)], ['see this', [got.file_id]]);
  });
  await check('files.slack.com/files-pri', 'the bytes are read back', 'state', 'docs', async () => {
    const { file } = await bot.files.info({ file: got.file_id });
    const answer = await fetch(file.url_private, { headers: { authorization: 'Bearer xoxb-suite' } });
    same([answer.status, await answer.text()], [200, text]);
  });
  await check('files.slack.com/files-pri', 'not without a token', 'protocol', 'docs', async () => {
    const { file } = await bot.files.info({ file: got.file_id });
    const answer = await fetch(file.url_private, { redirect: 'manual' });
    that((await answer.text()) !== text, 'there it is');
  });
  await check('files.completeUploadExternal', 'the SDK uploads in one call', 'state', 'sdk', async () => {
    const answer = await bot.filesUploadV2({ channel_id: c, filename: 'note.txt', content: 'remember the milk', thread_ts: undefined });
    const id = answer.files[0].files[0].id;
    const { file } = await bot.files.info({ file: id });
    same([file.name, file.size], ['note.txt', 17]);
  });
  await check('files.completeUploadExternal', 'a file that is not shared is its owner\'s alone', 'state', 'docs', async () => {
    const own = await bot.files.getUploadURLExternal({ filename: 'own.txt', length: 3 });
    await fetch(own.upload_url, { method: 'POST', body: 'abc' });
    await bot.files.completeUploadExternal({ files: [{ id: own.file_id }] });
    const error = await bob.files.info({ file: own.file_id }).catch((one) => one);
    same(error.data?.error, 'file_not_found');
  });
  await shaped('files.list', () => bot.files.list({ channel: c }));
  await check('files.list', 'filters by channel and kind', 'state', 'sdk', async () => {
    const { files: all } = await bot.files.list({ channel: c });
    that(all.some((one) => one.id === got.file_id), all.map((one) => one.id));
    same((await bot.files.list({ channel: c, types: 'images' })).files, []);
  });
  await check('files.list', 'pages by number', 'protocol', 'sdk', async () => {
    const { files: one, paging } = await bot.files.list({ channel: c, count: 1, page: 2 });
    same([one.length, paging.page, paging.count, paging.total, paging.pages], [1, 2, 1, 2, 2]);
  });
  await refused('files.upload', 'method_deprecated', 'docs', () => bot.apiCall('files.upload', { content: 'x', filename: 'x.txt' }));
  await refused('files.info', 'file_not_found', 'sdk', () => bot.files.info({ file: 'F0NOSUCH00' }));
  await refused('files.completeUploadExternal', 'file_not_found', 'sdk', () => bot.files.completeUploadExternal({ files: [{ id: 'F0NOSUCH00' }] }));
  await refused('files.completeUploadExternal', 'channel_not_found', 'sdk', async () => {
    const own = await bot.files.getUploadURLExternal({ filename: 'x.txt', length: 1 });
    await fetch(own.upload_url, { method: 'POST', body: 'x' });
    return bot.files.completeUploadExternal({ files: [{ id: own.file_id }], channel_id: 'C0NOSUCH00' });
  });
  await refused('files.list', 'unknown_type', 'sdk', () => bot.files.list({ types: 'nonsense' }));
  await refused('files.delete', 'cant_delete_file', 'sdk', () => bob.files.delete({ file: got.file_id }));
  await shaped('files.delete', () => bot.files.delete({ file: got.file_id }));
  await check('files.delete', 'is gone', 'state', 'sdk', async () => {
    const error = await bot.files.info({ file: got.file_id }).catch((one) => one);
    that(['file_deleted', 'file_not_found'].includes(error.data?.error), error.data);
  });
}

async function bookmarks({ bot, channel }) {
  const channel_id = channel.engineering;
  const made = await shaped('bookmarks.add', () => bot.bookmarks.add({ channel_id, title: 'Wiki', type: 'link', link: 'https://example.com/wiki', emoji: ':book:' }));
  const bookmark_id = made.bookmark?.id;
  await shaped('bookmarks.list', () => bot.bookmarks.list({ channel_id }));
  await check('bookmarks.list', 'lists what was added', 'state', 'sdk', async () => {
    const { bookmarks: all } = await bot.bookmarks.list({ channel_id });
    same(all.map((one) => [one.id, one.title, one.link, one.emoji]), [[bookmark_id, 'Wiki', 'https://example.com/wiki', ':book:']]);
  });
  await shaped('bookmarks.edit', () => bot.bookmarks.edit({ channel_id, bookmark_id, title: 'The wiki' }));
  await check('bookmarks.edit', 'changes what was given alone', 'state', 'sdk', async () => {
    const [found] = (await bot.bookmarks.list({ channel_id })).bookmarks;
    same([found.title, found.link], ['The wiki', 'https://example.com/wiki']);
  });
  await refused('bookmarks.add', 'channel_not_found', 'sdk', () => bot.bookmarks.add({ channel_id: 'C0NOSUCH00', title: 'x', type: 'link', link: 'https://a.b' }));
  await refused('bookmarks.add', 'invalid_link', 'sdk', () => bot.bookmarks.add({ channel_id, title: 'x', type: 'link', link: 'nonsense' }));
  await refused('bookmarks.add', 'invalid_bookmark_type', 'sdk', () => bot.bookmarks.add({ channel_id, title: 'x', type: 'nonsense', link: 'https://a.b' }));
  await refused('bookmarks.edit', 'not_found', 'sdk', () => bot.bookmarks.edit({ channel_id, bookmark_id: 'Bk0NOSUCH0', title: 'x' }));
  await shaped('bookmarks.remove', () => bot.bookmarks.remove({ channel_id, bookmark_id }));
  await check('bookmarks.remove', 'is read back', 'state', 'sdk', async () => {
    same((await bot.bookmarks.list({ channel_id })).bookmarks, []);
  });
  await refused('bookmarks.remove', 'not_found', 'sdk', () => bot.bookmarks.remove({ channel_id, bookmark_id }));
}

async function views({ bot, user }) {
  const published = await shaped('views.publish', () => bot.views.publish({ user_id: user.alice, view: HOME }));
  await check('views.publish', 'says whose app it is', 'state', 'sdk', async () => {
    const { view } = published;
    same([view.type, view.app_id, view.bot_id, view.team_id, view.root_view_id === view.id], ['home', 'A000000009', 'B0SUITEBOT', 'T000000001', true]);
  });
  await check('views.publish', 'publishing again changes the same view', 'state', 'docs', async () => {
    const { view } = await bot.views.publish({ user_id: user.alice, view: HOME, hash: published.view.hash });
    same(view.id, published.view.id);
    that(view.hash !== published.view.hash, 'the hash is the same');
  });
  await refused('views.publish', 'hash_conflict', 'sdk', () => bot.views.publish({ user_id: user.alice, view: HOME, hash: published.view.hash }));
  await refused('views.publish', 'invalid_arguments', 'sdk', () => bot.views.publish({ user_id: user.alice, view: { type: 'nonsense', blocks: [] } }));
  await refused('views.publish', 'invalid_arguments', 'sdk', () => bot.views.publish({ user_id: user.alice, view: { type: 'home' } }), 'refuses a view without blocks');
  await refused('views.open', 'invalid_trigger_id', 'docs', () => bot.views.open({ trigger_id: '1.2.nonsense', view: MODAL }), 'refuses a trigger that is none');
  await refused('views.push', 'invalid_trigger_id', 'docs', () => bot.views.push({ trigger_id: '1.2.nonsense', view: MODAL }), 'refuses a trigger that is none');
  await refused('views.update', 'not_found', 'sdk', () => bot.views.update({ view_id: 'V0NOSUCH00', view: MODAL }));

  const trigger = async () => (await step('command', { user: 'alice', command: '/suite', url: 'http://127.0.0.1:9/' })).trigger_id;
  const opened = await shaped('views.open', async () => bot.views.open({ trigger_id: await trigger(), view: MODAL }));
  await check('views.open', 'gives back what was opened', 'state', 'sdk', async () => {
    same([opened.view.callback_id, opened.view.title.text, opened.view.blocks[0].block_id], ['suite', 'A modal', 'name']);
  });
  await refused('views.open', 'exchanged_trigger_id', 'sdk', async () => {
    const trigger_id = await trigger();
    await bot.views.open({ trigger_id, view: MODAL });
    return bot.views.open({ trigger_id, view: MODAL });
  });
  await refused('views.open', 'expired_trigger_id', 'sdk', async () => {
    const trigger_id = await trigger();
    await advance(3500);
    return bot.views.open({ trigger_id, view: MODAL });
  });
  await shaped('views.update', () => bot.views.update({ view_id: opened.view.id, view: { ...MODAL, callback_id: 'changed' } }));
  await refused('views.update', 'hash_conflict', 'sdk', () => bot.views.update({ view_id: opened.view.id, hash: opened.view.hash, view: MODAL }));
  await refused('views.open', 'duplicate_external_id', 'sdk', async () => {
    await bot.views.open({ trigger_id: await trigger(), view: { ...MODAL, external_id: 'one' } });
    return bot.views.open({ trigger_id: await trigger(), view: { ...MODAL, external_id: 'one' } });
  });
  const pushed = await shaped('views.push', async () => bot.views.push({ trigger_id: await trigger(), view: MODAL }));
  await check('views.push', 'is put on what was open', 'state', 'sdk', async () => {
    that(pushed.view.previous_view_id && pushed.view.root_view_id !== pushed.view.id, pushed.view);
  });
  await refused('views.push', 'push_limit_reached', 'sdk', async () => {
    for (let n = 0; n < 3; n++) await bot.views.push({ trigger_id: await trigger(), view: MODAL });
  });
}
