//! An issue as the bridge sees it.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use connector_api::{
    Account, Attachment, Comment, Description, Marker, ScheduledEnd, Status, StatusCategory, Ticket,
    TicketRef,
};
use serde_json::{Value, json};

use crate::markdown::to_markdown;
use crate::memory::Talk;
use crate::{Jira, PROPERTY, adf, sign, wiki, wire};

/// Why an issue cannot be read: the field that is missing.
pub(crate) type Unreadable = String;

/// A due date's value: Jira writes days, some custom fields times.
pub(crate) fn date(text: &str) -> Option<NaiveDate> {
    text.get(..10)?.parse().ok()
}

pub(crate) fn account(user: &wire::User) -> Option<Account> {
    let id = user.account_id.as_ref().or(user.name.as_ref()).or(user.key.as_ref())?;
    Some(Account { id: id.clone(), name: user.display_name.clone().unwrap_or_else(|| id.clone()) })
}

/// A status category by its key. What is none of the three (`undefined`) counts as not begun.
pub(crate) fn category(key: &str) -> StatusCategory {
    match key {
        "indeterminate" => StatusCategory::InProgress,
        "done" => StatusCategory::Done,
        _ => StatusCategory::Todo,
    }
}

/// The property's value.
pub(crate) fn property(marker: &Marker) -> Value {
    json!({"installation": marker.installation, "link": marker.link})
}

impl Jira {
    /// The fields that a whole ticket is made of.
    pub(crate) fn ticket_fields(&self) -> Vec<String> {
        let fixed = [
            "summary",
            "description",
            "status",
            "resolution",
            "assignee",
            "reporter",
            "creator",
            "labels",
            "project",
            "issuetype",
            "fixVersions",
            "created",
            "updated",
        ];
        let memory = self.memory();
        let mut fields: Vec<String> = fixed.iter().map(|&name| name.to_owned()).collect();
        fields.extend(memory.all_due_fields());
        fields.extend(memory.sprint_field.clone());
        fields
    }

    /// The properties to ask for along with an issue.
    pub(crate) fn ticket_properties(&self) -> Vec<&'static str> {
        if self.memory().no_properties { Vec::new() } else { vec![PROPERTY] }
    }

    pub(crate) fn reference(&self, id: &str, key: &str, project: &str) -> TicketRef {
        let learned = self.memory().browse_url.clone();
        let base = self.config.browse_url.as_ref().or(learned.as_ref()).unwrap_or(&self.config.base_url);
        let url = format!("{}/browse/{key}", base.as_str().trim_end_matches('/'));
        TicketRef { id: id.to_owned(), key: key.to_owned(), project: project.to_owned(), url }
    }

    /// Reads an issue, and remembers what it shows of the site.
    pub(crate) fn ticket(&self, issue: &wire::Issue) -> std::result::Result<Ticket, Unreadable> {
        let fields = &issue.fields;
        let missing = |name: &str| format!("{} comes without its {name}", issue.key);
        let created = fields.created.ok_or_else(|| missing("created"))?.0;
        let updated = fields.updated.ok_or_else(|| missing("updated"))?.0;
        let status = fields.status.as_ref().ok_or_else(|| missing("status"))?;
        let project = fields.project.as_ref().map_or_else(|| project_of(&issue.key), |p| p.key.clone());
        let (description, line) = read_description(&fields.description);
        let marker = marker(issue.properties.get(PROPERTY), &fields.labels, line);
        let mut memory = self.memory();
        if let Some(category) = &status.category {
            memory.categories.insert(status.id.clone(), self::category(&category.key));
        }
        if let Some(kind) = &fields.issuetype {
            memory.types.insert(issue.id.clone(), kind.id.clone());
        }
        memory.outdate_talk(&issue.id, updated);
        let due_field = memory.due_field(&project);
        let sprint_field = memory.sprint_field.clone();
        drop(memory);
        let due = due_field.and_then(|field| date(fields.others.get(&field)?.as_str()?));
        Ok(Ticket {
            reference: self.reference(&issue.id, &issue.key, &project),
            title: fields.summary.clone(),
            description,
            status: Status {
                name: status.name.clone(),
                category: status.category.as_ref().map_or(StatusCategory::Todo, |c| category(&c.key)),
                resolution: fields.resolution.as_ref().map(|r| r.name.clone()),
            },
            due,
            scheduled: scheduled(fields, sprint_field.as_deref()),
            assignee: fields.assignee.as_ref().and_then(account),
            labels: fields.labels.iter().cloned().collect::<BTreeSet<_>>(),
            marker,
            author: fields.creator.as_ref().or(fields.reporter.as_ref()).and_then(account),
            created,
            updated,
        })
    }

    /// The comments and attachments that an issue brings along.
    pub(crate) fn talk(&self, issue: &wire::Issue) -> Option<Talk> {
        let page = issue.fields.comment.as_ref()?;
        let whole = page.total.is_none_or(|total| total <= page.comments.len());
        Some(Talk {
            updated: issue.fields.updated?.0,
            read: (self.now)(),
            comments: whole.then(|| page.comments.iter().map(comment).collect()),
            attachments: issue.fields.attachment.iter().map(attachment).collect(),
        })
    }
}

/// Reads a comment. One without an author is a former user's: it can command nothing, yet it stands there.
pub(crate) fn comment(comment: &wire::Comment) -> Comment {
    let (body, marker) = read_comment_body(&comment.body);
    let nobody = || Account { id: String::new(), name: "unknown".to_owned() };
    Comment {
        id: comment.id.clone(),
        author: comment.author.as_ref().and_then(account).unwrap_or_else(nobody),
        last_editor: comment.update_author.as_ref().and_then(account),
        body,
        created: comment.created.0,
        updated: comment.updated.unwrap_or(comment.created).0,
        marker,
    }
}

fn read_comment_body(raw: &Value) -> (String, Option<String>) {
    let mut nodes = raw.as_str().map_or_else(|| adf::read_nodes(raw), wiki::from_wiki);
    let marker = nodes.iter().rev().find_map(sign_of);
    if marker.is_some() {
        nodes.retain(|node| sign_of(node).is_none());
    }
    (to_markdown(&nodes), marker)
}

fn sign_of(node: &crate::markup::Node) -> Option<String> {
    let crate::markup::Node::Paragraph(pieces) = node else { return None };
    sign::read_comment(wiki::unsmall(&crate::markdown::plain_line(pieces)))
}

/// Reads a description in the site's form. A Cloud site may hand out text of the old form too.
pub(crate) fn read_description(raw: &Value) -> (Description, Option<Marker>) {
    if raw.is_string() { wiki::read_description(raw) } else { adf::read_description(raw) }
}

/// The project that a key names.
pub(crate) fn project_of(key: &str) -> String {
    key.rsplit_once('-').map_or(key, |(project, _)| project).to_owned()
}

pub(crate) fn attachment(attachment: &wire::Attachment) -> Attachment {
    Attachment {
        id: attachment.id.clone(),
        name: attachment.filename.clone(),
        media_type: attachment.mime_type.clone(),
        size: attachment.size,
        author: attachment.author.as_ref().and_then(account),
        created: attachment.created.0,
        url: attachment.content.clone(),
    }
}

/// The marker of a ticket: in its property, in a label, or (as older releases wrote it) in the line of its block.
pub(crate) fn marker<'a>(
    property: Option<&Value>,
    labels: impl IntoIterator<Item = &'a String>,
    line: Option<Marker>,
) -> Option<Marker> {
    let label = || labels.into_iter().find_map(|label| Marker::parse(label));
    property.and_then(read_property).or_else(label).or(line)
}

/// Reads the property's value.
pub(crate) fn read_property(value: &Value) -> Option<Marker> {
    let marker: Marker = serde_json::from_value(value.clone()).ok()?;
    Marker::parse(&marker.line())
}

fn scheduled(fields: &wire::Fields, sprint_field: Option<&str>) -> Vec<ScheduledEnd> {
    let version = |version: &wire::Version| {
        let date = date(version.release_date.as_deref()?)?;
        (!version.released).then(|| ScheduledEnd {
            kind: "fix version".to_owned(),
            name: version.name.clone(),
            date,
        })
    };
    let mut ends: Vec<ScheduledEnd> = fields.fix_versions.iter().filter_map(version).collect();
    let sprints = sprint_field.and_then(|field| fields.others.get(field)?.as_array());
    ends.extend(sprints.into_iter().flatten().filter_map(sprint));
    ends
}

/// Cloud writes a sprint as an object; Data Center as `...Sprint@1f[id=7,state=ACTIVE,name=Sprint 7,endDate=...]`.
fn sprint(value: &Value) -> Option<ScheduledEnd> {
    let part = |name: &str| -> Option<String> {
        let Some(text) = value.as_str() else { return Some(value[name].as_str()?.to_owned()) };
        // Not any longer name that ends the same: `startDate` is not `Date`.
        let (_, rest) = text.split_once(&format!("[{name}=")).or(text.split_once(&format!(",{name}=")))?;
        Some(rest.split([',', ']']).next()?.to_owned())
    };
    if part("state").is_some_and(|state| state.eq_ignore_ascii_case("closed")) {
        return None;
    }
    let date = date(&part("endDate")?)?;
    Some(ScheduledEnd { kind: "sprint".to_owned(), name: part("name")?, date })
}
