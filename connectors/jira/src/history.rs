//! A ticket's history, comments and attachments. Edits of its text are told with it, though each holds the whole text
//! twice: they alone show what a write of ours replaced unseen.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use connector_api::{
    Account, Attachment, Comment, Error, ErrorKind, HistoryEntry, HistoryKind, LogRequest, Result, Status,
    StatusCategory, TicketLog,
};
use http::Method;
use serde_json::json;

use crate::memory::Talk;
use crate::request::Call;
use crate::ticket::{self, account, date, project_of};
use crate::wire::{History, Item};
use crate::{Jira, wire};

/// Jira's limit for issues in one reading of histories.
const LOGS_PER_REQUEST: usize = 1000;
/// Jira's limit for fields that a reading of histories can be bound to.
const FIELDS_PER_REQUEST: usize = 10;
/// Entries asked for per page of many histories: as many as Jira gives, for they cannot be bound to a time.
const ENTRIES: usize = 10_000;
/// Histories or comments per page of one issue.
const PAGE: usize = 100;
const WHAT: &str = "read histories";

impl Jira {
    pub(crate) async fn read_logs(&self, requests: &[LogRequest]) -> Result<Vec<TicketLog>> {
        let ids: Vec<&str> = requests.iter().map(|request| request.ticket.id.as_str()).collect();
        let (histories, talks) =
            if self.cloud() { self.read_cloud(&ids).await? } else { self.read_data_center(&ids).await? };
        self.learn_categories(histories.values().flatten()).await?;
        let mut logs = Vec::with_capacity(requests.len());
        for request in requests {
            let id = &request.ticket.id;
            // A ticket that is not there brought no comments along, not even none.
            let Some((mut comments, mut attachments)) = talks.get(id).cloned() else { continue };
            let due_field = self.memory().due_field(&request.ticket.project);
            let entries = match histories.get(id) {
                Some(histories) => self.entries(histories, due_field.as_deref()),
                None => Vec::new(),
            };
            comments.sort_by_key(|comment| (comment.created, number(&comment.id)));
            attachments.sort_by_key(|attachment| (attachment.created, number(&attachment.id)));
            logs.push(TicketLog { ticket: id.clone(), entries, comments, attachments });
        }
        Ok(logs)
    }

    async fn read_cloud(&self, ids: &[&str]) -> Result<(Histories, Talks)> {
        let mut histories = Histories::new();
        let mut waiting: Vec<&[&str]> = ids.chunks(LOGS_PER_REQUEST).collect();
        while let Some(some) = waiting.pop() {
            if !self.memory().no_bulk_log {
                match self.bulk_logs(some).await {
                    Ok(Some(read)) => {
                        histories.extend(read);
                        continue;
                    }
                    Ok(None) => {}
                    // Fewer at a time, until what they hold together is not larger than we read.
                    Err(Error { kind: ErrorKind::TooLarge { .. }, .. }) if some.len() == 1 => {}
                    Err(Error { kind: ErrorKind::TooLarge { .. }, .. }) => {
                        let (first, second) = some.split_at(some.len() / 2);
                        waiting.extend([first, second]);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            for id in some {
                let pages = self.log_pages(id).await?;
                histories.insert((*id).to_owned(), pages);
            }
        }
        let mut talks = Talks::new();
        let mut unknown = Vec::new();
        let now = (self.now)();
        for &id in ids {
            let latest = histories.get(id).and_then(|all| all.iter().map(|h| h.created.0).max());
            let brought = self.memory().take_talk(id, now, latest);
            match brought {
                Some(talk) => drop(talks.insert(id.to_owned(), self.whole_talk(id, talk).await?)),
                None => unknown.push(id),
            }
        }
        for issue in self.issues(WHAT, &unknown, &talk_fields()).await? {
            if let Some(talk) = self.talk(&issue) {
                talks.insert(issue.id.clone(), self.whole_talk(&issue.id, talk).await?);
            }
        }
        Ok((histories, talks))
    }

    /// Data Center gives everything of one issue at once.
    async fn read_data_center(&self, ids: &[&str]) -> Result<(Histories, Talks)> {
        let mut histories = Histories::new();
        let mut talks = Talks::new();
        for &id in ids {
            let issue = self.issue(WHAT, id, &talk_fields(), Some("changelog")).await?;
            let Some(mut issue) = issue else { continue };
            let mut log = issue.changelog.take().map(|log| log.histories).unwrap_or_default();
            sort(&mut log);
            histories.insert(id.to_owned(), log);
            if let Some(talk) = self.talk(&issue) {
                talks.insert(id.to_owned(), self.whole_talk(id, talk).await?);
            }
        }
        Ok((histories, talks))
    }

    /// All pages of many histories; none where the site has no such call.
    async fn bulk_logs(&self, ids: &[&str]) -> Result<Option<Histories>> {
        // A ticket without a history is not named in the answer.
        let mut histories = Histories::new();
        let mut token: Option<String> = None;
        let fields = self.told_fields();
        loop {
            let mut body = json!({"issueIdsOrKeys": ids, "maxResults": ENTRIES});
            if fields.len() <= FIELDS_PER_REQUEST {
                body["fieldIds"] = json!(fields);
            }
            if let Some(token) = &token {
                body["nextPageToken"] = json!(token);
            }
            let call = Call::read(WHAT, Method::POST, &self.api("/changelog/bulkfetch"), &[]).body(body);
            let answer = self.send(call).await?;
            if token.is_none() && answer.lacks_call() {
                tracing::debug!(status = %answer.status, "this site reads histories one by one");
                self.memory().no_bulk_log = true;
                return Ok(None);
            }
            let page: wire::BulkLogs = answer.json()?;
            // An issue may go on on the next page.
            for log in page.issue_change_logs {
                histories.entry(log.issue_id).or_default().extend(log.change_histories);
            }
            token = page.next_page_token;
            if token.is_none() {
                histories.values_mut().for_each(sort);
                return Ok(Some(histories));
            }
        }
    }

    /// The fields whose edits are told: of the text too, since what a write of ours replaced shows there alone.
    fn told_fields(&self) -> Vec<String> {
        let fixed = ["status", "resolution", "summary", "description", "assignee", "labels", "issuekey"];
        let mut fields = fixed.map(str::to_owned).to_vec();
        fields.extend(self.memory().all_due_fields());
        fields
    }

    async fn log_pages(&self, id: &str) -> Result<Vec<History>> {
        let mut all = Vec::new();
        loop {
            let call = Call::read(WHAT, Method::GET, &self.api("/issue/{id}/changelog"), &[id])
                .query("startAt", all.len().to_string())
                .query("maxResults", PAGE.to_string());
            let answer = self.send(call).await?;
            if answer.status == http::StatusCode::NOT_FOUND {
                return Ok(all);
            }
            let page: wire::LogPage = answer.json()?;
            let count = page.values.len();
            all.extend(page.values);
            let complete = page.total.is_some_and(|total| all.len() >= total) || page.is_last == Some(true);
            if count == 0 || complete {
                sort(&mut all);
                return Ok(all);
            }
        }
    }

    /// What was brought along, with all the comments where only some came.
    async fn whole_talk(&self, id: &str, talk: Talk) -> Result<(Vec<Comment>, Vec<Attachment>)> {
        if let Some(comments) = talk.comments {
            return Ok((comments, talk.attachments));
        }
        let mut comments: Vec<wire::Comment> = Vec::new();
        loop {
            let call = Call::read(WHAT, Method::GET, &self.api("/issue/{id}/comment"), &[id])
                .query("startAt", comments.len().to_string())
                .query("maxResults", PAGE.to_string())
                .query("orderBy", "created");
            let page: wire::Comments = self.send(call).await?.json()?;
            let count = page.comments.len();
            comments.extend(page.comments);
            if count == 0 || page.total.is_none_or(|total| comments.len() >= total) {
                return Ok((comments.iter().map(ticket::comment).collect(), talk.attachments));
            }
        }
    }

    /// Asks for the categories of statuses, once, where a history names one that was never met.
    async fn learn_categories(&self, histories: impl Iterator<Item = &History>) -> Result<()> {
        let named: BTreeSet<&str> = histories
            .flat_map(|history| &history.items)
            .filter(|item| item.field_id() == "status")
            .flat_map(|item| [item.from.as_deref(), item.to.as_deref()])
            .flatten()
            .collect();
        let known = |id: &&str| self.memory().categories.contains_key(*id);
        if named.iter().all(known) {
            return Ok(());
        }
        let call = Call::read("read statuses", Method::GET, &self.api("/status"), &[]);
        let statuses: Vec<wire::Status> = self.send(call).await?.json()?;
        let mut memory = self.memory();
        for status in statuses {
            if let Some(category) = status.category {
                memory.categories.insert(status.id, ticket::category(&category.key));
            }
        }
        // A status that was deleted is asked for only once.
        for id in named {
            memory.categories.entry(id.to_owned()).or_insert(StatusCategory::Todo);
        }
        Ok(())
    }

    pub(crate) fn entries(&self, histories: &[History], due_field: Option<&str>) -> Vec<HistoryEntry> {
        let mut entries = Vec::new();
        for history in histories {
            let by = history.author.as_ref().and_then(account);
            for item in &history.items {
                for (id, kind) in self.kinds(item, history, due_field) {
                    entries.push(HistoryEntry {
                        id: format!("{}:{id}", history.id),
                        act: history.id.clone(),
                        at: history.created.0,
                        by: by.clone(),
                        kind,
                    });
                }
            }
        }
        entries
    }

    /// What an item says, with the part of the id that tells it from others of its history.
    fn kinds(&self, item: &Item, history: &History, due_field: Option<&str>) -> Vec<(String, HistoryKind)> {
        let field = item.field_id();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let kind = match field {
            "status" => {
                let set = history.items.iter().find(|item| item.field_id() == "resolution");
                let status = |id: &Option<String>, name: &Option<String>, resolution: Option<String>| {
                    Status { name: text(name), category: self.category_of(id.as_deref()), resolution }
                };
                HistoryKind::Status {
                    from: item.from_string.is_some().then(|| {
                        status(&item.from, &item.from_string, set.and_then(|set| set.from_string.clone()))
                    }),
                    to: status(&item.to, &item.to_text, set.and_then(|set| set.to_text.clone())),
                    closer: None,
                }
            }
            "summary" => HistoryKind::Title { from: text(&item.from_string), to: text(&item.to_text) },
            "description" => HistoryKind::Text { from: item.from_string.clone(), to: item.to_text.clone() },
            "assignee" => HistoryKind::Assignee { to: assignee(item) },
            "Key" | "issuekey" => HistoryKind::Project { to: project_of(&text(&item.to_text)) },
            "labels" => return labels(item),
            field if Some(field) == due_field => HistoryKind::Due {
                from: item.from.as_deref().or(item.from_string.as_deref()).and_then(date),
                to: item.to.as_deref().or(item.to_text.as_deref()).and_then(date),
            },
            _ => return Vec::new(),
        };
        vec![(field.to_owned(), kind)]
    }

    fn category_of(&self, id: Option<&str>) -> StatusCategory {
        let known = id.and_then(|id| self.memory().categories.get(id).copied());
        known.unwrap_or(StatusCategory::Todo)
    }
}

type Histories = HashMap<String, Vec<History>>;
type Talks = BTreeMap<String, (Vec<Comment>, Vec<Attachment>)>;

fn sort(histories: &mut Vec<History>) {
    histories.sort_by_key(|history| (history.created.0, number(&history.id)));
    // Two pages may overlap where the issue changed between them.
    histories.dedup_by(|a, b| a.id == b.id);
}

fn talk_fields() -> [String; 3] {
    ["comment", "attachment", "updated"].map(str::to_owned)
}

fn number(id: &str) -> u64 {
    id.parse().unwrap_or(u64::MAX)
}

fn assignee(item: &Item) -> Option<Account> {
    let id = item.to.clone().filter(|id| !id.is_empty())?;
    Some(Account { name: item.to_text.clone().unwrap_or_else(|| id.clone()), id })
}

/// Labels come as the whole list before and after, parted by spaces.
fn labels(item: &Item) -> Vec<(String, HistoryKind)> {
    let set = |text: &Option<String>| -> BTreeSet<String> {
        text.as_deref().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let (before, after) = (set(&item.from_string), set(&item.to_text));
    let gone = before.difference(&after).map(|name| (name, false));
    let came = after.difference(&before).map(|name| (name, true));
    gone.chain(came)
        .map(|(name, added)| {
            let sign = if added { '+' } else { '-' };
            (format!("labels:{sign}{name}"), HistoryKind::Label { name: name.clone(), added })
        })
        .collect()
}
