//! The packs that come with the program, compiled into it.

type Files = &'static [(&'static str, &'static str)];

macro_rules! pack {
    ($name:literal: $($file:literal)*) => {
        ($name, &[$(($file, include_str!(concat!("../../packs/", $name, "/", $file)))),*] as Files)
    };
}

/// Each pack with its files.
pub(super) const PACKS: &[(&str, Files)] = &[
    pack!("echo": "pack.toml" "echo.star"),
    pack!("slack": "pack.toml" "channels.star" "chat.star" "events.star" "files.star" "history.star" "hooks.star"
        "interactions.star" "lib.star" "members.star" "messages.star" "oauth.star" "people.star" "reactions.star"
        "rooms.star" "schedule.star" "seed.star" "steps.star" "usergroups.star" "users.star" "views.star"),
    pack!("okta":
        "pack.toml" "app.star" "apps.star" "assignments.star" "auth.star" "authn.star" "expression.star"
        "factors.star" "groups.star" "hooks.star" "lib.star" "lifecycle.star" "logs.star"
        "oauth.star" "org.star" "passwords.star" "policies.star" "policy.star" "provisioning.star" "rules.star" "seed.star"
        "server.star" "servers.star" "settings.star" "tokens.star" "users.star"),
    pack!("github":
        "pack.toml" "apps.star" "comments.star" "commits.star" "contents.star" "gitdata.star"
        "graph.star" "hooks.star" "issues.star" "lib.star" "meta.star" "protection.star"
        "pulls.star" "releases.star" "repos.star" "reviews.star" "search.star" "seed.star"
        "statuses.star" "steps.star" "users.star" "wire.star"),
    pack!("jira":
        "pack.toml" "agile.star" "attachments.star" "catalogue.star" "changes.star" "comments.star" "edits.star"
        "history.star" "hooks.star" "issues.star" "jql.star" "lib.star" "links.star" "marks.star"
        "oauth.star" "parts.star" "projects.star" "search.star" "seed.star" "steps.star" "text.star"
        "transitions.star" "users.star" "values.star" "worklogs.star"),
];
