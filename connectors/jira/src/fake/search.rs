//! The fake's searches, and its reading of many issues or histories at once.

use serde_json::{Value, json};

use super::exchange::{Asked, Reply};
use super::json::Selection;
use super::site::{History, Issue, Later, Site};

impl Site {
    pub(super) fn old_search(&mut self, asked: &Asked) -> Reply {
        let jql = asked.body["jql"].as_str().or(asked.query("jql")).unwrap_or_default();
        // Data Center searches everything when it is asked for nothing.
        let jql = if jql.trim().is_empty() { "id is not EMPTY" } else { jql };
        let found = match super::jql::search(self, jql, &[]) {
            Ok(found) => found,
            Err(why) => return Reply::bad(&why),
        };
        let start = asked.number("startAt", 0);
        let size = asked.number("maxResults", 50).clamp(1, 1000);
        let fields = Selection::read(&asked.list("fields"), Selection::All);
        let index = self.index.as_ref().unwrap_or(&self.issues);
        let page: Vec<Value> = found
            .iter()
            .skip(start)
            .take(size)
            .filter_map(|id| index.get(id))
            .map(|issue| self.issue_json(issue, &fields, &[]))
            .collect();
        Reply::ok(&json!({"startAt": start, "maxResults": size, "total": found.len(), "issues": page}))
    }

    pub(super) fn search(&mut self, asked: &Asked) -> Reply {
        let properties = asked.list("properties");
        if self.lacks.properties && !properties.is_empty() {
            return Reply::lacking("the 'properties' property of a search");
        }
        let reconciled = asked.list("reconcileIssues");
        let numbers: Vec<u64> = reconciled.iter().filter_map(|id| id.parse().ok()).collect();
        if numbers.len() > 50 || numbers.len() < reconciled.len() {
            return Reply::bad("reconcileIssues takes at most 50 numeric issue ids.");
        }
        let jql = asked.body["jql"].as_str().or(asked.query("jql")).unwrap_or_default();
        let token = asked.body["nextPageToken"].as_str().or(asked.query("nextPageToken"));
        let ids = match token {
            Some(token) => match token.parse().ok().and_then(|token: u64| self.pages.get(&token)) {
                Some(later) if later.reconciled == reconciled => later.ids.clone(),
                Some(_) => return Reply::bad("reconcileIssues must be the same on every page."),
                None => return Reply::bad("The provided next page token is invalid."),
            },
            None => match super::jql::search(self, jql, &numbers) {
                Ok(found) => found,
                Err(why) => return Reply::bad(&why),
            },
        };
        let fields = Selection::read(&asked.list("fields"), Selection::Id);
        let most = if matches!(fields, Selection::Id) { 5000 } else { 100 };
        let size = asked.number("maxResults", 50).clamp(1, most);
        let (page, later) = ids.split_at(ids.len().min(size));
        let issues: Vec<Value> = page
            .iter()
            .filter_map(|id| self.searched(*id, &numbers))
            .map(|issue| self.issue_json(issue, &fields, &properties))
            .collect();
        let mut out = json!({"issues": issues, "isLast": later.is_empty()});
        if !later.is_empty() {
            let token = self.next_id();
            out["nextPageToken"] = json!(token.to_string());
            self.pages.insert(token, Later { ids: later.to_vec(), reconciled });
            while self.pages.len() > 64 {
                self.pages.pop_first();
            }
        }
        Reply::ok(&out)
    }

    /// An issue as a search sees it.
    pub(super) fn searched(&self, id: u64, reconciled: &[u64]) -> Option<&Issue> {
        let index = self.index.as_ref().filter(|_| !reconciled.contains(&id));
        index.unwrap_or(&self.issues).get(&id)
    }

    pub(super) fn bulk_fetch(&mut self, asked: &Asked) -> Reply {
        let wanted = asked.list("issueIdsOrKeys");
        if wanted.len() > 100 {
            return Reply::bad("The number of issues to fetch exceeds the limit of 100.");
        }
        let properties = asked.list("properties");
        if self.lacks.properties && !properties.is_empty() {
            return Reply::lacking("the 'properties' property of a bulk fetch");
        }
        let fields = Selection::read(&asked.list("fields"), Selection::All);
        let mut ids: Vec<u64> = wanted.iter().filter_map(|id| self.find(id)).collect();
        ids.sort_unstable();
        ids.dedup();
        let issues: Vec<Value> = ids
            .iter()
            .filter_map(|id| self.issues.get(id))
            .map(|issue| self.issue_json(issue, &fields, &properties))
            .collect();
        Reply::ok(&json!({"issues": issues, "issueErrors": []}))
    }

    pub(super) fn bulk_logs(&mut self, asked: &Asked) -> Reply {
        let wanted = asked.list("issueIdsOrKeys");
        if wanted.is_empty() || wanted.len() > 1000 {
            return Reply::bad("The number of issues must be between 1 and 1000.");
        }
        let start: usize = asked.body["nextPageToken"].as_str().and_then(|t| t.parse().ok()).unwrap_or(0);
        let size = asked.number("maxResults", 1000).clamp(1, 10_000);
        let only = asked.list("fieldIds");
        if only.len() > 10 {
            return Reply::bad("The number of fieldIds must be at most 10.");
        }
        let issues = wanted.iter().filter_map(|id| self.issues.get(&self.find(id)?));
        let told = issues.flat_map(|issue| {
            let items = |history: &History| History {
                items: history
                    .items
                    .iter()
                    .filter(|item| only.is_empty() || only.contains(&item.field_id))
                    .cloned()
                    .collect(),
                ..history.clone()
            };
            issue.history.iter().map(items).map(|history| (issue.id, history)).collect::<Vec<_>>()
        });
        let all: Vec<_> = told.filter(|(_, history)| !history.items.is_empty()).collect();
        let mut logs: Vec<(u64, Vec<Value>)> = Vec::new();
        for (id, history) in all.iter().skip(start).take(size) {
            match logs.last_mut() {
                Some((last, entries)) if last == id => entries.push(self.history_json(history)),
                _ => logs.push((*id, vec![self.history_json(history)])),
            }
        }
        let logs: Vec<Value> = logs
            .into_iter()
            .map(|(id, entries)| json!({"issueId": id.to_string(), "changeHistories": entries}))
            .collect();
        let mut out = json!({"issueChangeLogs": logs});
        if start + size < all.len() {
            out["nextPageToken"] = json!((start + size).to_string());
        }
        Reply::ok(&out)
    }
}
