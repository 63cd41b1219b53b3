//! Delivery of notices to their tickets: an observation beside the journal.

use chrono::{DateTime, Utc};

use super::column::{Reading, micros};
use super::table::{collect, fetch, in_list, table};
use super::tx::on;
use super::{StoreError, Tx};
use crate::register::SystemId;

table! {
    /// A delivery.
    SendingRow in "sending" key "system, notice" {
        system: String,
        notice: i64,
        link: String,
        marker: String,
        due_at: Option<DateTime<Utc>>,
        attempts: i64,
        sent_at: Option<DateTime<Utc>>,
        comment_id: Option<String>,
        error: Option<String>,
    }
}

/// How far a notice is on its way to its ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// System of the notice.
    pub system: SystemId,
    /// Its number.
    pub notice: u32,
    /// Link whose ticket it goes to.
    pub link: String,
    /// What the comment carries, to be looked for before it is sent again.
    pub marker: String,
    /// Not before this time; none once it is there, or given up.
    pub due_at: Option<DateTime<Utc>>,
    /// How often it was sent without an answer that it is there.
    pub attempts: u32,
    /// When it was last sent; set before it is sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// The comment it became.
    pub comment_id: Option<String>,
    /// The last failure.
    pub error: Option<String>,
}

impl SendingRow {
    fn of(sending: &Sending) -> Self {
        Self {
            system: sending.system.to_string(),
            notice: sending.notice.into(),
            link: sending.link.clone(),
            marker: sending.marker.clone(),
            due_at: sending.due_at.map(micros),
            attempts: sending.attempts.into(),
            sent_at: sending.sent_at.map(micros),
            comment_id: sending.comment_id.clone(),
            error: sending.error.clone(),
        }
    }

    fn sending(self) -> Result<Sending, StoreError> {
        let key = self.notice;
        let read = Reading { table: "sending", row: &key };
        Ok(Sending {
            system: read.checked("system", SystemId::new(&self.system))?,
            notice: read.number("notice", self.notice)?,
            link: self.link,
            marker: self.marker,
            due_at: self.due_at,
            attempts: read.number("attempts", self.attempts)?,
            sent_at: self.sent_at,
            comment_id: self.comment_id,
            error: self.error,
        })
    }
}

impl Tx {
    /// Adds or replaces deliveries.
    pub async fn save_sendings(&mut self, sendings: &[Sending]) -> Result<(), StoreError> {
        let rows: Vec<_> = sendings.iter().map(SendingRow::of).collect();
        SendingRow::upsert(self, &rows).await
    }

    /// The delivery of a notice.
    pub async fn sending(&mut self, system: &SystemId, notice: u32) -> Result<Option<Sending>, StoreError> {
        const SQL: &str = "SELECT * FROM sending WHERE system = $1 AND notice = $2";
        let row = fetch!(self, SendingRow, SQL, system.as_str(), i64::from(notice))?.pop();
        row.map(SendingRow::sending).transpose()
    }

    /// Deliveries to a link's ticket, in order of their notices; those that are there already too.
    pub async fn sendings_of(&mut self, link: &str) -> Result<Vec<Sending>, StoreError> {
        const SQL: &str = "SELECT * FROM sending WHERE link = $1 ORDER BY notice";
        fetch!(self, SendingRow, SQL, link)?.into_iter().map(SendingRow::sending).collect()
    }

    /// Deliveries to tickets of these trackers whose time has come, longest due first.
    pub async fn sendings_due(
        &mut self,
        trackers: &[String],
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Sending>, StoreError> {
        let rows: Vec<SendingRow> = on!(self, c => {
            let mut query = sqlx::QueryBuilder::new(
                "SELECT sending.* FROM sending JOIN link ON link.id = sending.link WHERE sending.due_at <= "
            );
            query.push_bind(micros(now));
            in_list!(query.push(" AND link.tracker"), trackers);
            query.push(" ORDER BY sending.due_at, sending.system, sending.notice LIMIT ");
            query.push_bind(i64::from(limit));
            let rows = query.build().fetch(c);
            collect!(rows, SendingRow)
        })?;
        rows.into_iter().map(SendingRow::sending).collect()
    }
}
