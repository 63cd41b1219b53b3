//! What people do in a peer, through its own API, and what they see there.

use std::collections::BTreeSet;

use async_trait::async_trait;
use http::Method;
use serde_json::{Value, json};

use super::exchange::{Person, Stop, hold};

/// A ticket as a person sees it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) title: String,
    /// The text, in whatever form the site keeps it.
    pub(crate) text: String,
    pub(crate) labels: BTreeSet<String>,
    pub(crate) assignee: Option<String>,
    /// The date where the site has a field for it, else the one of the due line.
    pub(crate) due: Option<String>,
    /// Who said what, oldest first.
    pub(crate) comments: Vec<(String, String)>,
}

/// What the life needs of a tracker, done by people.
#[async_trait]
pub(crate) trait Tracker: Sync {
    fn name(&self) -> &'static str;
    async fn see(&self, key: &str) -> Result<Shown, Stop>;
    async fn start_work(&self, key: &str) -> Result<(), Stop>;
    async fn move_due(&self, key: &str, from: &str, to: &str) -> Result<(), Stop>;
    async fn engineer_says(&self, key: &str, text: &str) -> Result<(), Stop>;
    async fn approver_says(&self, key: &str, text: &str) -> Result<(), Stop>;
    /// Another title, and other labels: ours taken away, one of theirs put on.
    async fn edit(&self, key: &str, title: &str, gone: &str, new: &str) -> Result<(), Stop>;
    async fn finish(&self, key: &str) -> Result<(), Stop>;
    async fn reopen(&self, key: &str) -> Result<(), Stop>;
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn names(value: &Value, key: Option<&str>) -> BTreeSet<String> {
    let all = value.as_array().into_iter().flatten();
    all.map(|label| text_of(key.map_or(label, |key| &label[key]))).collect()
}

/// A GitHub repository.
pub(crate) struct OnGithub {
    pub(crate) repo: String,
    pub(crate) engineer: Person,
    pub(crate) approver: Person,
}

impl OnGithub {
    fn path(&self, key: &str, tail: &str) -> String {
        format!("/repos/{}/issues/{key}{tail}", self.repo)
    }

    async fn issue(&self, key: &str) -> Result<Value, Stop> {
        self.engineer.call(Method::GET, &self.path(key, ""), None).await
    }

    async fn patch(&self, key: &str, body: Value) -> Result<(), Stop> {
        self.engineer.call(Method::PATCH, &self.path(key, ""), Some(body)).await.map(|_| ())
    }
}

#[async_trait]
impl Tracker for OnGithub {
    fn name(&self) -> &'static str {
        "github"
    }

    async fn see(&self, key: &str) -> Result<Shown, Stop> {
        let issue = self.issue(key).await?;
        let said = self.engineer.call(Method::GET, &self.path(key, "/comments"), None).await?;
        let text = text_of(&issue["body"]);
        let due = text.lines().find_map(|line| line.strip_prefix("- **Due:** ")).map(str::to_owned);
        let comment = |comment: &Value| (text_of(&comment["user"]["login"]), text_of(&comment["body"]));
        Ok(Shown {
            title: text_of(&issue["title"]),
            labels: names(&issue["labels"], Some("name")),
            assignee: issue["assignees"][0]["login"].as_str().map(str::to_owned),
            due,
            comments: said.as_array().into_iter().flatten().map(comment).collect(),
            text,
        })
    }

    async fn start_work(&self, key: &str) -> Result<(), Stop> {
        let body = json!({"labels": ["in progress"]});
        self.engineer.call(Method::POST, &self.path(key, "/labels"), Some(body)).await.map(|_| ())
    }

    async fn move_due(&self, key: &str, from: &str, to: &str) -> Result<(), Stop> {
        let text = text_of(&self.issue(key).await?["body"]);
        let edited = text.replacen(&format!("**Due:** {from}"), &format!("**Due:** {to}"), 1);
        hold(edited != text, format!("there is no due line with {from} in {text}"))?;
        self.patch(key, json!({"body": edited})).await
    }

    async fn engineer_says(&self, key: &str, text: &str) -> Result<(), Stop> {
        let body = json!({"body": text});
        self.engineer.call(Method::POST, &self.path(key, "/comments"), Some(body)).await.map(|_| ())
    }

    async fn approver_says(&self, key: &str, text: &str) -> Result<(), Stop> {
        let body = json!({"body": text});
        self.approver.call(Method::POST, &self.path(key, "/comments"), Some(body)).await.map(|_| ())
    }

    async fn edit(&self, key: &str, title: &str, gone: &str, new: &str) -> Result<(), Stop> {
        let mut labels = names(&self.issue(key).await?["labels"], Some("name"));
        labels.remove(gone);
        labels.insert(new.to_owned());
        self.patch(key, json!({"title": title, "labels": labels})).await
    }

    async fn finish(&self, key: &str) -> Result<(), Stop> {
        self.patch(key, json!({"state": "closed", "state_reason": "completed"})).await
    }

    async fn reopen(&self, key: &str) -> Result<(), Stop> {
        self.patch(key, json!({"state": "open"})).await
    }
}

/// A Jira Cloud project.
pub(crate) struct OnJira {
    pub(crate) engineer: Person,
    pub(crate) approver: Person,
}

fn path(key: &str, tail: &str) -> String {
    format!("/rest/api/3/issue/{key}{tail}")
}

impl OnJira {
    async fn put(&self, key: &str, body: Value) -> Result<(), Stop> {
        self.engineer.call(Method::PUT, &path(key, ""), Some(body)).await.map(|_| ())
    }

    /// Takes the transition of that name, as a person picks it from the list.
    async fn transition(&self, key: &str, name: &str, fields: Value) -> Result<(), Stop> {
        let open = self.engineer.call(Method::GET, &path(key, "/transitions"), None).await?;
        let mut all = open["transitions"].as_array().into_iter().flatten();
        let Some(found) = all.find(|transition| transition["name"] == name) else {
            return Err(Stop::Wrong(format!("there is no transition {name}: {open}")));
        };
        let mut body = json!({"transition": {"id": found["id"]}});
        if !fields.is_null() {
            body["fields"] = fields;
        }
        self.engineer.call(Method::POST, &path(key, "/transitions"), Some(body)).await.map(|_| ())
    }
}

async fn say(person: &Person, key: &str, text: &str) -> Result<(), Stop> {
    let content = json!([{"type": "paragraph", "content": [{"type": "text", "text": text}]}]);
    let body = json!({"body": {"type": "doc", "version": 1, "content": content}});
    person.call(Method::POST, &path(key, "/comment"), Some(body)).await.map(|_| ())
}

#[async_trait]
impl Tracker for OnJira {
    fn name(&self) -> &'static str {
        "jira"
    }

    async fn see(&self, key: &str) -> Result<Shown, Stop> {
        let issue = self.engineer.call(Method::GET, &path(key, ""), None).await?;
        let said = self.engineer.call(Method::GET, &path(key, "/comment"), None).await?;
        let fields = &issue["fields"];
        let comment = |comment: &Value| (text_of(&comment["author"]["displayName"]), adf(&comment["body"]));
        Ok(Shown {
            title: text_of(&fields["summary"]),
            text: adf(&fields["description"]),
            labels: names(&fields["labels"], None),
            assignee: fields["assignee"]["accountId"].as_str().map(str::to_owned),
            due: fields["duedate"].as_str().map(str::to_owned),
            comments: said["comments"].as_array().into_iter().flatten().map(comment).collect(),
        })
    }

    async fn start_work(&self, key: &str) -> Result<(), Stop> {
        self.transition(key, "Start work", Value::Null).await
    }

    async fn move_due(&self, key: &str, _from: &str, to: &str) -> Result<(), Stop> {
        self.put(key, json!({"fields": {"duedate": to}})).await
    }

    async fn engineer_says(&self, key: &str, text: &str) -> Result<(), Stop> {
        say(&self.engineer, key, text).await
    }

    async fn approver_says(&self, key: &str, text: &str) -> Result<(), Stop> {
        say(&self.approver, key, text).await
    }

    async fn edit(&self, key: &str, title: &str, gone: &str, new: &str) -> Result<(), Stop> {
        let labels = json!([{"remove": gone}, {"add": new}]);
        self.put(key, json!({"fields": {"summary": title}, "update": {"labels": labels}})).await
    }

    async fn finish(&self, key: &str) -> Result<(), Stop> {
        self.transition(key, "Resolve", json!({"resolution": {"name": "Done"}})).await
    }

    async fn reopen(&self, key: &str) -> Result<(), Stop> {
        self.transition(key, "Reopen", Value::Null).await
    }
}

/// The words of a document, its lines parted.
fn adf(document: &Value) -> String {
    let mut out = String::new();
    if let Some(text) = document["text"].as_str() {
        out.push_str(text);
    }
    for inner in document["content"].as_array().into_iter().flatten() {
        out.push_str(&adf(inner));
    }
    if matches!(document["type"].as_str(), Some("paragraph" | "hardBreak")) {
        out.push('\n');
    }
    out
}
