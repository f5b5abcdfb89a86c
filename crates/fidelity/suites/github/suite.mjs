// GitHub as a program with Octokit meets it. Prints one line of JSON for each expectation.
import { apps, graph, hooks, program, protocol, releases } from './rest.mjs';
import { contents, git, repos } from './repos.mjs';
import { issues, labels, search } from './issues.mjs';
import { checks, protection, pulls, reviews } from './pulls.mjs';

for (const area of [repos, contents, git, issues, labels, search, pulls, reviews, protection, checks, releases, hooks, apps, graph, program, protocol]) {
  await area();
}
process.exit(0);
