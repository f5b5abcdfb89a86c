// Boards and sprints.
import { createAgileClient } from 'jira.js';
import { BASE, ada, check, keys, raw, read, recorded, refused, same, task, that } from './expect.mjs';

const client = (name) => createAgileClient({ host: BASE, auth: { type: 'basic', email: `${name}@example.com`, apiToken: `${name}_token` }, onSchemaMismatch: 'throw' });

export async function agile() {
  const [mine, his, hers] = [client('ada'), client('bob'), client('eve')];
  const [board] = (await mine.board.getAllBoards({ projectKeyOrId: 'OPEN' }).catch(() => ({ values: [] }))).values;
  const fresh = (name) => mine.sprint.createSprint({ name, originBoardId: board.id });
  const times = { startDate: '2026-01-05T10:00:00.000Z', endDate: '2026-01-19T10:00:00.000Z' };

  await check('getAllBoards', 'one of each project', 'state', 'sdk', async () => {
    same([board.type, board.location.projectKey], ['scrum', 'OPEN']);
    same((await hers.board.getAllBoards({ name: 'SEC' })).values, []);
  });
  await check('getAllBoards', 'as recorded', 'shape', 'recording', async () => recorded((await raw('GET', '/rest/agile/1.0/board')).body.values[0], 'board'));
  await check('getBoard', 'none of this id', 'error', 'sdk', () => refused(() => mine.board.getBoard({ boardId: 999 }), 404));
  await check('createSprint', 'is read back, as a future one', 'state', 'sdk', async () => {
    const made = await fresh('Read back');
    same([(await mine.sprint.getSprint({ sprintId: made.id })).name, made.state, made.originBoardId], ['Read back', 'future', board.id]);
  });
  await check('createSprint', 'only who administers the project', 'error', 'sdk', () => refused(() => his.sprint.createSprint({ name: 'Mine', originBoardId: board.id }), 403));
  await check('createSprint', 'without a name', 'error', 'docs', async () => same((await raw('POST', '/rest/agile/1.0/sprint', { body: { originBoardId: board.id } })).status, 400));
  await check('moveIssuesToSprintAndRank', 'is in it, and in the backlog again', 'state', 'sdk', async () => {
    const made = await fresh('Filled');
    const { key } = await task();
    await mine.sprint.moveIssuesToSprintAndRank({ sprintId: made.id, issues: [key] });
    const inside = async () => (await raw('GET', `/rest/agile/1.0/sprint/${made.id}/issue?fields=summary`)).body.issues.map((one) => one.key);
    same([await inside(), await keys(`sprint = ${made.id}`), (await read(key)).fields.customfield_10020.map((one) => one.name)], [[key], [key], ['Filled']]);
    await mine.backlog.moveIssuesToBacklog({ issues: [key] });
    same([await inside(), (await read(key)).fields.customfield_10020], [[], null]);
  });
  await check('partiallyUpdateSprint', 'begun and ended, with what was not done back in the backlog', 'state', 'sdk', async () => {
    const made = await fresh('Run');
    const [done, left] = [await task(), await task()];
    await mine.sprint.moveIssuesToSprintAndRank({ sprintId: made.id, issues: [done.key, left.key] });
    same((await mine.sprint.partiallyUpdateSprint({ sprintId: made.id, state: 'active', ...times })).state, 'active');
    same(await keys(`sprint in openSprints() and key in (${done.key}, ${left.key}) order by key`), [done.key, left.key]);
    await ada.issues.doTransition({ issueIdOrKey: done.key, transition: { id: '31' } });
    that((await mine.sprint.partiallyUpdateSprint({ sprintId: made.id, state: 'closed' })).completeDate);
    same([await keys(`sprint = ${made.id}`), (await mine.board.getAllSprints({ boardId: board.id, state: 'closed' })).values.map((one) => one.name)], [[done.key], ['Run']]);
  });
  await check('partiallyUpdateSprint', 'as recorded', 'shape', 'recording', async () => {
    const made = await fresh('Shape');
    const { body } = await raw('POST', `/rest/agile/1.0/sprint/${made.id}`, { body: { goal: 'Deliver results', ...times } });
    same(recorded(body, 'sprint').startDate, '2026-01-05T10:00:00.000Z');
  });
  await check('partiallyUpdateSprint', 'not begun without its times', 'error', 'docs', async () => {
    const made = await fresh('No times');
    await refused(() => mine.sprint.partiallyUpdateSprint({ sprintId: made.id, state: 'active' }), 400);
  });
  await check('deleteSprint', 'is gone', 'state', 'sdk', async () => {
    const made = await fresh('Gone');
    await mine.sprint.deleteSprint({ sprintId: made.id });
    await refused(() => mine.sprint.getSprint({ sprintId: made.id }), 404);
  });
}
