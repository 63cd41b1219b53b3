//! The model as GitHub's JSON, with every key that its published description requires.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::model::{Event, EventKind, Issue, Milestone, Model, Permission, Place, Repo};

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn user(model: &Model, login: &str) -> Value {
    let Some(person) = model.people.get(login) else { return Value::Null };
    let (base, login) = (&model.base, &person.login);
    let url = format!("{base}/users/{login}");
    let mut out = json!({
        "login": login,
        "id": person.id,
        "node_id": format!("U_{}", person.id),
        "avatar_url": format!("{base}/avatars/{}", person.id),
        "gravatar_id": "",
        "url": url,
        "html_url": format!("{base}/{login}"),
        "type": "User",
        "user_view_type": "public",
        "site_admin": false,
    });
    for (key, path) in [
        ("followers_url", "/followers"),
        ("following_url", "/following{/other_user}"),
        ("gists_url", "/gists{/gist_id}"),
        ("starred_url", "/starred{/owner}{/repo}"),
        ("subscriptions_url", "/subscriptions"),
        ("organizations_url", "/orgs"),
        ("repos_url", "/repos"),
        ("events_url", "/events{/privacy}"),
        ("received_events_url", "/received_events"),
    ] {
        put(&mut out, key, json!(format!("{url}{path}")));
    }
    out
}

/// Oneself, as `GET /user` answers.
pub(super) fn me(model: &Model, login: &str) -> Value {
    let mut out = user(model, login);
    for key in ["name", "company", "location", "email", "hireable", "bio", "twitter_username"] {
        put(&mut out, key, Value::Null);
    }
    for key in ["public_repos", "public_gists", "followers", "following"] {
        put(&mut out, key, json!(0));
    }
    put(&mut out, "blog", json!(""));
    put(&mut out, "created_at", json!("2020-01-01T00:00:00Z"));
    put(&mut out, "updated_at", json!("2020-01-01T00:00:00Z"));
    out
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

fn api(model: &Model, repo: &Repo) -> String {
    format!("{}/repos/{}", model.base, repo.full_name)
}

/// A repository, with the rights of `viewer` where it is asked for by someone.
pub(super) fn repository(model: &Model, id: u64, viewer: Option<&str>) -> Value {
    let Some(repo) = model.repos.get(&id) else { return Value::Null };
    let (owner, name) = repo.full_name.split_once('/').unwrap_or_default();
    let url = api(model, repo);
    let html = format!("{}/{}", model.base, repo.full_name);
    let open = repo.issues.values().filter(|issue| issue.closed.is_none()).count();
    let created = time(repo.created);
    let mut account = user(model, owner);
    if account.is_null() {
        account = json!({ "login": owner, "id": 1, "node_id": "O_1", "type": "Organization", "site_admin": false,
            "gravatar_id": "", "url": format!("{}/users/{owner}", model.base) });
        for key in [
            "avatar_url",
            "html_url",
            "followers_url",
            "following_url",
            "gists_url",
            "starred_url",
            "subscriptions_url",
            "organizations_url",
            "repos_url",
            "events_url",
            "received_events_url",
        ] {
            put(&mut account, key, json!(format!("{}/{owner}", model.base)));
        }
    }
    let mut out = json!({
        "id": id, "node_id": format!("R_{id}"), "name": name, "full_name": repo.full_name,
        "private": repo.private, "visibility": if repo.private { "private" } else { "public" },
        "owner": account, "html_url": html, "description": null, "fork": false, "url": url,
        "archived": repo.archived, "disabled": false, "has_issues": repo.has_issues, "has_projects": true,
        "has_wiki": false, "has_pages": false, "has_downloads": true, "has_discussions": false,
        "homepage": null, "language": null, "license": null, "mirror_url": null, "default_branch": "main",
        "created_at": created, "updated_at": created, "pushed_at": created,
        "git_url": format!("git:{html}.git"), "ssh_url": format!("git@fake:{}.git", repo.full_name),
        "clone_url": format!("{html}.git"), "svn_url": html,
        "open_issues": open, "open_issues_count": open,
    });
    for key in [
        "forks",
        "forks_count",
        "size",
        "stargazers_count",
        "watchers",
        "watchers_count",
        "network_count",
        "subscribers_count",
    ] {
        put(&mut out, key, json!(0));
    }
    for key in [
        "archive",
        "assignees",
        "blobs",
        "branches",
        "collaborators",
        "comments",
        "commits",
        "compare",
        "contents",
        "contributors",
        "deployments",
        "downloads",
        "events",
        "forks",
        "git_commits",
        "git_refs",
        "git_tags",
        "hooks",
        "issue_comment",
        "issue_events",
        "issues",
        "keys",
        "labels",
        "languages",
        "merges",
        "milestones",
        "notifications",
        "pulls",
        "releases",
        "stargazers",
        "statuses",
        "subscribers",
        "subscription",
        "tags",
        "teams",
        "trees",
    ] {
        put(&mut out, &format!("{key}_url"), json!(format!("{url}/{key}")));
    }
    if let Some(role) = viewer.and_then(|viewer| model.role(id, viewer)) {
        let has = |wanted| role >= wanted;
        let rights = json!({ "admin": has(Permission::Admin), "maintain": has(Permission::Admin),
            "push": has(Permission::Write), "triage": has(Permission::Triage), "pull": true });
        put(&mut out, "permissions", rights);
    }
    out
}

pub(super) fn label(model: &Model, repo: &Repo, name: &str) -> Value {
    let id = repo.labels.get(&name.to_lowercase()).map_or(0, |(id, _)| *id);
    json!({ "id": id, "node_id": format!("LA_{id}"), "url": format!("{}/labels/{name}", api(model, repo)),
        "name": name, "color": "1d4e89", "default": false, "description": null })
}

pub(super) fn milestone(model: &Model, repo: &Repo, milestone: &Milestone) -> Value {
    let url = format!("{}/milestones/{}", api(model, repo), milestone.number);
    let inside = |closed: bool| {
        repo.issues
            .values()
            .filter(|i| i.milestone == Some(milestone.number) && i.closed.is_some() == closed)
            .count()
    };
    json!({ "url": url, "html_url": format!("{}/{}/milestone/{}", model.base, repo.full_name, milestone.number),
        "labels_url": format!("{url}/labels"), "id": milestone.id, "node_id": format!("MI_{}", milestone.id),
        "number": milestone.number, "title": milestone.title, "description": null,
        "creator": user(model, &milestone.creator), "open_issues": inside(false), "closed_issues": inside(true),
        "state": "open", "created_at": time(milestone.created), "updated_at": time(milestone.created),
        "due_on": milestone.due_on(), "closed_at": null })
}

pub(super) fn hook(model: &Model, repo: u64, id: u64, to: &str) -> Value {
    let Some(repo) = model.repos.get(&repo) else { return Value::Null };
    let url = format!("{}/hooks/{id}", api(model, repo));
    let at = time(repo.created);
    json!({ "type": "Repository", "id": id, "name": "web", "active": true, "events": ["issues", "issue_comment"],
        "config": { "url": to, "content_type": "json", "insecure_ssl": "0" }, "updated_at": at, "created_at": at,
        "url": url, "test_url": format!("{url}/test"), "ping_url": format!("{url}/pings"),
        "deliveries_url": format!("{url}/deliveries"),
        "last_response": { "code": null, "status": "unused", "message": null } })
}

pub(super) fn issue(model: &Model, place: Place) -> Value {
    let Some(repo) = model.repos.get(&place.0) else { return Value::Null };
    repo.issues.get(&place.1).map_or(Value::Null, |issue| whole_issue(model, repo, issue))
}

pub(super) fn whole_issue(model: &Model, repo: &Repo, issue: &Issue) -> Value {
    let url = format!("{}/issues/{}", api(model, repo), issue.number);
    let html = format!("{}/{}", model.base, repo.full_name);
    let kind = if issue.pull.is_some() { "pull" } else { "issues" };
    let assignees: Vec<Value> = issue.assignees.iter().map(|login| user(model, login)).collect();
    let milestone = issue
        .milestone
        .and_then(|number| repo.milestones.iter().find(|m| m.number == number))
        .map_or(Value::Null, |m| milestone(model, repo, m));
    let mut out = json!({
        "url": url, "repository_url": api(model, repo), "labels_url": format!("{url}/labels{{/name}}"),
        "comments_url": format!("{url}/comments"), "events_url": format!("{url}/events"),
        "timeline_url": format!("{url}/timeline"), "html_url": format!("{html}/{kind}/{}", issue.number),
        "id": issue.id, "node_id": format!("I_{}", issue.id), "number": issue.number, "title": issue.title,
        "user": user(model, &issue.author), "author_association": "CONTRIBUTOR",
        "labels": issue.labels.iter().map(|name| label(model, repo, name)).collect::<Vec<_>>(),
        "state": issue.state(), "state_reason": issue.reason, "locked": issue.locked, "active_lock_reason": null,
        "assignee": assignees.first(), "assignees": assignees, "milestone": milestone,
        "comments": issue.comments.len(), "body": issue.body,
        "created_at": time(issue.created), "updated_at": time(issue.updated),
        "closed_at": issue.closed.as_ref().map(|(at, _)| time(*at)),
        "closed_by": issue.closed.as_ref().map(|(_, by)| user(model, by)),
        "reactions": reactions(&url, &[]), "performed_via_github_app": null,
        "issue_field_values": field_values(model, issue),
    });
    if let Some(pull) = &issue.pull {
        let merged = pull.merged.as_ref().map(|(at, ..)| time(*at));
        let of = format!("{}/pulls/{}", api(model, repo), issue.number);
        let page = format!("{html}/pull/{}", issue.number);
        put(
            &mut out,
            "pull_request",
            json!({ "url": of, "html_url": page, "diff_url": format!("{page}.diff"),
            "patch_url": format!("{page}.patch"), "merged_at": merged }),
        );
    }
    out
}

/// The values of an issue's fields.
pub(super) fn field_values(model: &Model, issue: &Issue) -> Value {
    let named = |id: &u64| model.fields.iter().find(|(known, ..)| known == id).map(|(.., name)| name.clone());
    issue
        .fields
        .iter()
        .map(|(id, value)| {
            json!({ "issue_field_id": id, "issue_field_name": named(id), "node_id": format!("IFD_{id}"),
                "data_type": "date", "value": value })
        })
        .collect()
}

/// The fields of an organization.
pub(super) fn fields(model: &Model, owner: &str) -> Value {
    let of = model.fields.iter().filter(|(_, of, _)| of.eq_ignore_ascii_case(owner));
    let at = time(model.time());
    of.map(|(id, _, name)| {
        json!({ "id": id, "node_id": format!("IFD_{id}"), "name": name, "description": null, "data_type": "date",
            "visibility": "all", "created_at": at, "updated_at": at })
    })
    .collect()
}

fn reactions(url: &str, all: &[(u64, String, String)]) -> Value {
    let mut out = json!({ "url": format!("{url}/reactions"), "total_count": all.len() });
    for key in ["+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"] {
        put(&mut out, key, json!(all.iter().filter(|(_, content, _)| content == key).count()));
    }
    out
}

pub(super) fn comment(model: &Model, place: Place, id: u64) -> Option<Value> {
    let repo = model.repos.get(&place.0)?;
    let comment = repo.issues.get(&place.1)?.comments.iter().find(|comment| comment.id == id)?;
    let url = format!("{}/issues/comments/{id}", api(model, repo));
    Some(json!({ "url": url, "id": id, "node_id": format!("IC_{id}"),
        "html_url": format!("{}/{}/issues/{}#issuecomment-{id}", model.base, repo.full_name, place.1),
        "issue_url": format!("{}/issues/{}", api(model, repo), place.1),
        "user": user(model, &comment.author), "author_association": "CONTRIBUTOR", "body": comment.body,
        "created_at": time(comment.created), "updated_at": time(comment.updated),
        "reactions": reactions(&url, &comment.reactions), "performed_via_github_app": null }))
}

pub(super) fn reaction(model: &Model, id: u64, by: &str, content: &str) -> Value {
    json!({ "id": id, "node_id": format!("REA_{id}"), "user": user(model, by), "content": content,
        "created_at": time(model.time()) })
}

/// The `changes` of a transfer's webhook.
pub(super) fn transfer(model: &Model, to: Place) -> Value {
    json!({ "new_issue": issue(model, to), "new_repository": repository(model, to.0, None) })
}

/// Events and comments of an issue, oldest first.
pub(super) fn timeline(model: &Model, place: Place) -> Vec<Value> {
    let Some(repo) = model.repos.get(&place.0) else { return Vec::new() };
    let Some(of) = repo.issues.get(&place.1) else { return Vec::new() };
    let mut all: Vec<(DateTime<Utc>, u64, Value)> =
        of.events.iter().map(|e| (e.at, e.id, event(model, repo, place, e))).collect();
    for said in &of.comments {
        if let Some(mut entry) = comment(model, place, said.id) {
            put(&mut entry, "event", json!("commented"));
            put(&mut entry, "actor", user(model, &said.author));
            all.push((said.created, said.id, entry));
        }
    }
    all.sort_by_key(|(at, id, _)| (*at, *id));
    all.into_iter().map(|(_, _, entry)| entry).collect()
}

/// The id that both interfaces know an event by.
pub(super) fn event_node(id: u64) -> String {
    format!("EV_{id}")
}

fn event(model: &Model, repo: &Repo, place: Place, event: &Event) -> Value {
    let name = match &event.kind {
        EventKind::Closed { .. } => "closed",
        EventKind::Reopened => "reopened",
        EventKind::Renamed { .. } => "renamed",
        EventKind::Label { added: true, .. } => "labeled",
        EventKind::Label { added: false, .. } => "unlabeled",
        EventKind::Assignee { added: true, .. } => "assigned",
        EventKind::Assignee { added: false, .. } => "unassigned",
        EventKind::Milestone { added: true, .. } => "milestoned",
        EventKind::Milestone { added: false, .. } => "demilestoned",
        EventKind::Transferred => "transferred",
        EventKind::CrossReferenced(from) => {
            // These have no id of their own.
            let mut source = issue(model, *from);
            put(&mut source, "repository", repository(model, place.0, None));
            return json!({ "event": "cross-referenced", "actor": user(model, &event.actor),
                "created_at": time(event.at), "updated_at": time(event.at),
                "source": { "type": "issue", "issue": source } });
        }
    };
    let mut out = json!({
        "id": event.id, "node_id": event_node(event.id),
        "url": format!("{}/issues/events/{}", api(model, repo), event.id),
        "actor": user(model, &event.actor), "event": name, "commit_id": null, "commit_url": null,
        "created_at": time(event.at), "performed_via_github_app": null,
    });
    match &event.kind {
        EventKind::Closed { reason, commit } => {
            put(&mut out, "state_reason", json!(reason));
            if let Some(sha) = commit {
                put(&mut out, "commit_id", json!(sha));
                put(&mut out, "commit_url", json!(format!("{}/commits/{sha}", api(model, repo))));
            }
        }
        EventKind::Renamed { from, to } => put(&mut out, "rename", json!({ "from": from, "to": to })),
        EventKind::Label { name, .. } => {
            put(&mut out, "label", json!({ "name": name, "color": "1d4e89" }));
        }
        EventKind::Assignee { login, .. } => {
            put(&mut out, "assignee", user(model, login));
            put(&mut out, "assigner", user(model, &event.actor));
        }
        EventKind::Milestone { title, .. } => put(&mut out, "milestone", json!({ "title": title })),
        EventKind::Reopened => put(&mut out, "state_reason", Value::Null),
        EventKind::Transferred | EventKind::CrossReferenced(_) => {}
    }
    out
}

/// A pull request, as far as anyone here reads it.
pub(super) fn pull(model: &Model, place: Place) -> Option<Value> {
    let repo = model.repos.get(&place.0)?;
    let of = repo.issues.get(&place.1)?;
    let pull = of.pull.as_ref()?;
    let mut out = whole_issue(model, repo, of);
    let url = format!("{}/pulls/{}", api(model, repo), of.number);
    let page = format!("{}/{}/pull/{}", model.base, repo.full_name, of.number);
    let side = |label: &str, sha: &str| {
        json!({ "label": label, "ref": label, "sha": sha, "user": user(model, &of.author),
            "repo": repository(model, place.0, None) })
    };
    let merged = pull.merged.as_ref();
    let mut more = json!({
        "url": url, "issue_url": format!("{}/issues/{}", api(model, repo), of.number),
        "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
        "commits_url": format!("{url}/commits"), "review_comments_url": format!("{url}/comments"),
        "review_comment_url": format!("{url}/comments{{/number}}"), "statuses_url": format!("{url}/statuses"),
        "head": side("fix", &pull.head), "base": side("main", &"0".repeat(40)), "draft": false,
        "merged": merged.is_some(), "merged_at": merged.map(|(at, ..)| time(*at)),
        "merge_commit_sha": merged.map(|(_, sha, _)| sha), "merged_by": merged.map(|(.., by)| user(model, by)),
        "mergeable": null, "mergeable_state": "unknown", "rebaseable": null, "auto_merge": null,
        "review_comments": 0, "maintainer_can_modify": false, "commits": 1, "additions": 1, "deletions": 1,
        "changed_files": 1, "requested_reviewers": [], "requested_teams": [],
    });
    let links: Map<String, Value> =
        ["comments", "commits", "statuses", "html", "issue", "review_comments", "review_comment", "self"]
            .into_iter()
            .map(|key| (key.to_owned(), json!({ "href": url })))
            .collect();
    put(&mut more, "_links", Value::Object(links));
    if let (Some(out), Value::Object(more)) = (out.as_object_mut(), more) {
        out.extend(more);
    }
    Some(out)
}

pub(super) fn commit(model: &Model, repo: &Repo, sha: &str) -> Option<Value> {
    let author = repo.commits.get(sha)?;
    let url = format!("{}/commits/{sha}", api(model, repo));
    Some(json!({ "sha": sha, "node_id": format!("C_{sha}"), "url": url, "html_url": url,
        "author": user(model, author), "committer": user(model, author), "parents": [],
        "commit": { "message": "Fix it" } }))
}

pub(super) fn checks(model: &Model, repo: &Repo, sha: &str) -> Value {
    let at = time(model.time());
    let runs: Vec<Value> = repo
        .checks
        .get(sha)
        .into_iter()
        .flatten()
        .map(|(id, name, conclusion)| {
            let url = format!("{}/check-runs/{id}", api(model, repo));
            json!({ "id": id, "node_id": format!("CR_{id}"), "head_sha": sha, "name": name, "url": url,
                "html_url": url, "details_url": url, "external_id": "", "status": "completed",
                "conclusion": conclusion, "started_at": at, "completed_at": at, "check_suite": { "id": id },
                "output": { "title": null, "summary": null, "text": null, "annotations_count": 0,
                    "annotations_url": format!("{url}/annotations") },
                "app": null, "pull_requests": [] })
        })
        .collect();
    json!({ "total_count": runs.len(), "check_runs": runs })
}
