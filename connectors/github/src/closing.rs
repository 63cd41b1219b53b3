//! What closed a ticket, as GraphQL tells it.

use connector_api::{Account, Closer};
use serde::Deserialize;

use crate::tickets::{Actor, List};
use crate::wire::shown;

#[derive(Debug, Deserialize)]
pub(crate) struct Closing {
    pub(crate) id: String,
    closer: Option<CloserNode>,
}

impl Closing {
    /// What closed the ticket, where it was a commit or a merged pull request.
    pub(crate) fn closer(&self) -> Option<Closer> {
        self.closer.as_ref()?.closer()
    }
}

/// A commit or a pull request; a project that closes tickets by itself has none of these.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CloserNode {
    #[serde(rename = "__typename")]
    kind: String,
    oid: Option<String>,
    status_check_rollup: Option<Rollup>,
    author: Option<Author>,
    committer: Option<Author>,
    url: Option<String>,
    #[serde(default)]
    merged: bool,
    merged_by: Option<Actor>,
    merge_commit: Option<CommitNode>,
    commits: Option<List<PullCommit>>,
}

/// A pull request's author is an account, a commit's has one, perhaps.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Author {
    Account(Actor),
    Person { user: Option<Actor> },
}

impl Author {
    fn account(&self) -> Option<Account> {
        match self {
            Self::Account(actor) | Self::Person { user: Some(actor) } => Some(actor.user().account()),
            Self::Person { user: None } => None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommitNode {
    oid: String,
    status_check_rollup: Option<Rollup>,
}

#[derive(Debug, Deserialize)]
struct PullCommit {
    commit: CommitNode,
}

#[derive(Debug, Deserialize)]
struct Rollup {
    contexts: Contexts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contexts {
    total_count: usize,
    nodes: Vec<Option<Check>>,
}

/// A check run, or a status of the older kind.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Check {
    Run { name: String, status: String, conclusion: Option<String> },
    Status { context: String, state: String },
}

fn checks(rollup: Option<&Rollup>) -> Vec<String> {
    let Some(Rollup { contexts }) = rollup else { return Vec::new() };
    let mut told: Vec<String> = contexts
        .nodes
        .iter()
        .flatten()
        .map(|check| match check {
            Check::Run { name, status, conclusion } => (name, conclusion.as_ref().unwrap_or(status)),
            Check::Status { context, state } => (context, state),
        })
        .map(|(name, result)| format!("{}: {}", shown(name), result.to_lowercase()))
        .collect();
    let left = contexts.total_count.saturating_sub(contexts.nodes.len());
    if left > 0 {
        told.push(format!("{left} more checks: not read"));
    }
    told
}

impl CloserNode {
    fn closer(&self) -> Option<Closer> {
        let mut closer = match self.kind.as_str() {
            "Commit" => Closer {
                commit: self.oid.clone(),
                checks: checks(self.status_check_rollup.as_ref()),
                ..Closer::default()
            },
            "PullRequest" if self.merged => {
                let merge = self.merge_commit.as_ref();
                let mut all = checks(merge.and_then(|commit| commit.status_check_rollup.as_ref()));
                // Where nothing runs on the merge itself, what ran on its branch is the proof.
                if all.is_empty() {
                    let heads = self.commits.iter().flat_map(|commits| commits.nodes.iter().flatten());
                    all = heads.flat_map(|head| checks(head.commit.status_check_rollup.as_ref())).collect();
                }
                let merge_sha = merge.map(|commit| commit.oid.clone());
                Closer { pull_request: self.url.clone(), merge_sha, checks: all, ..Closer::default() }
            }
            _ => return None,
        };
        let written = [self.author.as_ref(), self.committer.as_ref()].into_iter().flatten();
        let merged = self.merged_by.iter().map(|actor| actor.user().account());
        closer.authors = written.filter_map(Author::account).chain(merged).collect();
        closer.authors.dedup();
        Some(closer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_checks_than_were_read_are_counted() {
        let check = || Some(Check::Status { context: "ci".to_owned(), state: "SUCCESS".to_owned() });
        let rollup = Rollup { contexts: Contexts { total_count: 3, nodes: vec![check()] } };
        assert_eq!(checks(Some(&rollup)), ["ci: success", "2 more checks: not read"]);
    }
}
