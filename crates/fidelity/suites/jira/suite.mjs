// Jira Cloud as a program with jira.js meets it. Prints one line of JSON for each expectation.
import { access, people, site } from './site.mjs';
import { parts, projects } from './projects.mjs';
import { issues, refusals, workflow } from './issues.mjs';
import { files, links, marks, talk, work } from './talk.mjs';
import { queries, search } from './search.mjs';
import { agile } from './agile.mjs';
import { apps, hooks, protocol } from './hooks.mjs';

for (const area of [site, access, people, projects, parts, issues, refusals, workflow, talk, work, marks, links, files, search, queries, hooks, apps, agile, protocol]) {
  await area();
}
process.exit(0);
